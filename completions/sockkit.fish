# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sockkit_global_optspecs
    string join \n format= json plain color= v/verbose q/quiet h/help V/version
end

function __fish_sockkit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sockkit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sockkit_using_subcommand
    set -l cmd (__fish_sockkit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sockkit -n "__fish_sockkit_needs_command" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_needs_command" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_needs_command" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_needs_command" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_needs_command" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_needs_command" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_needs_command" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_needs_command" -s V -l version -d 'Print version'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "info" -d 'Show this machine\'s host name, addresses and DNS servers'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "resolve" -d 'Look up names and addresses: any record type, any server'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "listen" -d 'Accept connections, report each client and print what it sends'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "connect" -d 'Connect to a server over TCP, TLS, UDP or a Unix socket'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "echo-server" -d 'Send back what each client sends'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "login-server" -d 'Ask each client for a user name and password; record each pair'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "login" -d 'Send a user name and password to a login server'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "chat-server" -d 'Run a chat room for all clients that connect'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "probe" -d 'Show whether ports are open; wait for them, scan them, time them'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "doctor" -d 'Check the layers from this machine to a server; name the first broken one'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l port -d 'Show which process holds this port; exit 1 if it is free' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l services -d 'Show the names of services and their ports, or one of them' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l listening -d 'Show the sockets that accept connections or datagrams'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s t -l type -d 'Look up this record type [default: A and AAAA, or PTR]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s x -l reverse -d 'Look up the name of this address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l class -d 'Ask about this class: IN, CH or HS [default: IN]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l tries -d 'Send each query up to N times over UDP [default: 2]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l bootstrap -d 'Resolve the names of servers with the DNS server at this address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s f -l file -d 'Look up the names in this file, one per line; - for standard input' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l concurrency -d 'Look up at most N names of --file at once [default: 50]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l rate -d 'Start at most N lookups of --file per second' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l name-timeout -d 'Limit the lookup of each name with --file, --wait and --watch [default: 5s]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l expect -d 'Exit with 1 unless a record has this data' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l wait -d 'Look up again each second until there is a record, or the one of --expect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l watch -d 'Look up again each time that DURATION has passed, and print what has changed' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l root-hints -d 'Begin --trace at the servers in this file, which has the format of IANA\'s named.root' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l trust-anchor -d 'Begin --validate with the DS or DNSKEY records in this file instead of the root\'s keys' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l from -d 'Query from this local address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l ecs -d 'Ask for the answer that clients in this network get' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l bufsize -d 'Announce this size of UDP replies, in bytes [default: 1232]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l padding -d 'Pad queries to a multiple of BYTES' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l ca -d 'Trust only the certificates in this PEM file, and those that they have signed' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l pin -d 'Trust only the certificate with this fingerprint' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l servername -d 'Request and verify this server name instead of the server\'s host' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s p -d 'The port of each @SERVER without one; for users of dig' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT] [default: 5s]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l short -d 'Print only the data of the records, one per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l ttl-units -d 'Show TTLs as 5m or 1h30m instead of seconds'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l tcp -d 'Query over TCP from the start'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l no-tcp -d 'Show a truncated reply instead of asking again over TCP'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l no-follow -d 'Do not ask again for the target of an alias'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l all -d 'Query all servers, and show the answer of each'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l compare -d 'Query all servers, and exit with 1 if their answers differ'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l fastest -d 'Query all servers at once, and use the first answer'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l random -d 'Query the servers in random order'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l system -d 'Show what programs on this machine get beside the DNS answer'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l unordered -d 'Print each result of --file as soon as it is known'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l axfr -d 'Transfer the whole zone over TCP or TLS, as with the type AXFR'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l trace -d 'Follow the name from the root down, and show each query'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l validate -d 'Check the DNSSEC signatures from the root down, and show the chain of zones'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l dnssec -d 'Ask for DNSSEC records: RRSIG, NSEC and others'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l nsid -d 'Ask for the server\'s identifier'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l cookie -d 'Send a DNS cookie, and show the server\'s'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l no-edns -d 'Query without EDNS, as in RFC 1035'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l no-recurse -d 'Ask the server not to query other servers (RD off)'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l cd -d 'Ask for data that fails the server\'s validation too (CD)'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l ad -d 'Ask whether the server has validated the answer (AD)'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l insecure -d 'Encrypt, but do not verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l split -d 'Send one datagram per line (lines) or per SIZE bytes' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l client-ca -d 'Require a client certificate from this PEM file, or from a CA in it' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l idle-timeout -d 'Close the connection after this long without traffic [default: never]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l linger -d 'After the input ends, wait at most this long for the peer to close' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l delay -d 'Pause this long after each line or datagram sent' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l send -d 'Send TEXT instead of standard input' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l expect -d 'Wait until received data matches REGEX' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l exec -d 'Connect the peer to CMD\'s standard input and output' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l script -d 'Run the expect and send steps in FILE' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l allow -d 'Accept only clients from these networks or hosts' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l deny -d 'Reject clients from these networks or hosts; takes precedence over --allow' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l port-file -d 'Write the port to this file while listening' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l mode -d 'Set the permissions of the Unix socket\'s file, in octal' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l grace -d 'On a stop, wait this long for clients to finish' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l max-clients -d 'Serve at most N clients at once' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s k -l keep-open -d 'Serve many clients at once, until stopped'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s u -l udp -d 'Use UDP; with unix:PATH, Unix datagrams'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l tls -d 'Use TLS; requires --cert or --self-signed'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l self-signed -d 'Create a certificate for this run and print its fingerprint'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l send-only -d 'Send only; exit once the peer has received everything'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l recv-only -d 'Receive only; do not read standard input'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l half-open -d 'Keep sending until standard input ends, even after the peer has closed its side'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l no-shutdown -d 'Do not send FIN when standard input ends; wait for the peer to close'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l crlf -d 'Send CR LF at the end of each line'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l raw -d 'Do not escape control characters on a terminal'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l public -d 'Listen on all interfaces, not only on loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l split -d 'Send one datagram per line (lines) or per SIZE bytes' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l ca -d 'Trust only the certificates in this PEM file, and those that they have signed' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l pin -d 'Trust only the certificate with this fingerprint' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l servername -d 'Request and verify this server name instead of the server\'s host' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l starttls -d 'Start in plain text and change to TLS as this protocol does' -r -f -a "smtp\t'Mail submission (ports 25 and 587)'
imap\t'Mailbox access (port 143)'
pop3\t'Mail retrieval (port 110)'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l idle-timeout -d 'Close the connection after this long without traffic [default: never]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l linger -d 'After the input ends, wait at most this long for the peer to close' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l delay -d 'Pause this long after each line or datagram sent' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l send -d 'Send TEXT instead of standard input' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l expect -d 'Wait until received data matches REGEX' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l exec -d 'Connect the peer to CMD\'s standard input and output' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l script -d 'Run the expect and send steps in FILE' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l retry -d 'Retry a failed connection N times, with backoff' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l from -d 'Connect from this local address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l connect-timeout -d 'Give up connecting after this long' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s u -l udp -d 'Use UDP; with unix:PATH, Unix datagrams'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l tls -d 'Use TLS and verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l insecure -d 'Encrypt, but do not verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l send-only -d 'Send only; exit once the peer has received everything'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l recv-only -d 'Receive only; do not read standard input'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l half-open -d 'Keep sending until standard input ends, even after the peer has closed its side'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l no-shutdown -d 'Do not send FIN when standard input ends; wait for the peer to close'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l crlf -d 'Send CR LF at the end of each line'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l raw -d 'Do not escape control characters on a terminal'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l max-clients -d 'Serve at most N clients at once' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l allow -d 'Accept only clients from these networks or hosts' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l deny -d 'Reject clients from these networks or hosts; takes precedence over --allow' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l port-file -d 'Write the port to this file while listening' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l mode -d 'Set the permissions of the Unix socket\'s file, in octal' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l grace -d 'On a stop, wait this long for clients to finish' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l client-ca -d 'Require a client certificate from this PEM file, or from a CA in it' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l idle-timeout -d 'Close a connection after this long without data' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l timestamp -d 'Begin each reply with the time, in the format of ctime(3)'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l public -d 'Listen on all interfaces, not only on loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l tls -d 'Use TLS; requires --cert or --self-signed'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l self-signed -d 'Create a certificate for this run and print its fingerprint'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l log -d 'Append each login to FILE' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l max-clients -d 'Serve at most N clients at once' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l allow -d 'Accept only clients from these networks or hosts' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l deny -d 'Reject clients from these networks or hosts; takes precedence over --allow' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l port-file -d 'Write the port to this file while listening' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l mode -d 'Set the permissions of the Unix socket\'s file, in octal' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l grace -d 'On a stop, wait this long for clients to finish' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l client-ca -d 'Require a client certificate from this PEM file, or from a CA in it' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l idle-timeout -d 'Limit the time to log in' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l once -d 'Serve one client, then exit: 0 if it logged in, else 1'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l field-per-read -d 'Treat each read as one field, without a line ending'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l public -d 'Listen on all interfaces, not only on loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l tls -d 'Use TLS; requires --cert or --self-signed'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l self-signed -d 'Create a certificate for this run and print its fingerprint'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l user -d 'Send this user name; do not prompt for it' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l ca -d 'Trust only the certificates in this PEM file, and those that they have signed' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l pin -d 'Trust only the certificate with this fingerprint' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l servername -d 'Request and verify this server name instead of the server\'s host' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l starttls -d 'Start in plain text and change to TLS as this protocol does' -r -f -a "smtp\t'Mail submission (ports 25 and 587)'
imap\t'Mailbox access (port 143)'
pop3\t'Mail retrieval (port 110)'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l retry -d 'Retry a failed connection N times, with backoff' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l from -d 'Connect from this local address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l connect-timeout -d 'Give up connecting after this long' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l password-stdin -d 'Read the password from the first line of standard input'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l confirm -d 'Exit 1 if the server closes without replying OK'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l tls -d 'Use TLS and verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l insecure -d 'Encrypt, but do not verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l allow -d 'Accept only clients from these networks or hosts' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l deny -d 'Reject clients from these networks or hosts; takes precedence over --allow' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l port-file -d 'Write the port to this file while listening' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l mode -d 'Set the permissions of the Unix socket\'s file, in octal' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l grace -d 'On a stop, wait this long for clients to finish' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l keepalive -d 'Probe an idle peer at this interval (TCP keepalive)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l ttl -d 'Limit packets to N hops' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l client-ca -d 'Require a client certificate from this PEM file, or from a CA in it' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l record -d 'Append all traffic to FILE as JSON lines' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l idle-timeout -d 'Limit the time to choose a nickname' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l max-clients -d 'Serve at most N clients at once' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l public -d 'Listen on all interfaces, not only on loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l nodelay -d 'Send small writes at once (TCP_NODELAY); the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l no-nodelay -d 'Delay small writes until earlier data is acknowledged'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l tls -d 'Use TLS; requires --cert or --self-signed'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l self-signed -d 'Create a certificate for this run and print its fingerprint'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l hexdump -d 'Dump all traffic in hex to standard error'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l stats -d 'Print timing and TCP statistics at the end'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l wait -d 'Probe again until the ports are open, for at most this long' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l stable -d 'With --wait, the ports must stay open this long' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s c -l count -d 'Probe N times, and print statistics' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s i -l interval -d 'Time from one probe to the next [default: 1s]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l payload -d 'Send this datagram to UDP ports: dns, ntp or hex:DIGITS' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l ca -d 'Trust only the certificates in this PEM file, and those that they have signed' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l pin -d 'Trust only the certificate with this fingerprint' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l servername -d 'Request and verify this server name instead of the server\'s host' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l starttls -d 'Start in plain text and change to TLS as this protocol does' -r -f -a "smtp\t'Mail submission (ports 25 and 587)'
imap\t'Mailbox access (port 143)'
pop3\t'Mail retrieval (port 110)'"
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l cert -d 'Present this certificate (PEM, with its chain)' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l key -d 'Read the private key of --cert from this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l alpn -d 'Negotiate one of these application protocols (ALPN)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l expires-within -d 'Exit with 1 if a certificate expires within this time' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l concurrency -d 'Probe at most N ports at once' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l from -d 'Probe from this local address' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l connect-timeout -d 'Wait at most this long for each port' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l any -d 'One open port is enough: exit with 0 if any is open'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l invert -d 'Expect no port to be open: exit with 0 if no port is open'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l watch -d 'Probe until stopped, and print statistics'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s u -l udp -d 'Probe UDP ports'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l tls -d 'Use TLS and verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l insecure -d 'Encrypt, but do not verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l ignore-missing-close-notify -d 'Accept a peer that closes without close_notify'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l banner -d 'Show what the server sends first'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l each -d 'Probe every address of a name, not only the first one that is open'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand probe" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l ca -d 'Trust only the certificates in this PEM file, and those that they have signed' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l report -d 'Write a report in Markdown to a new file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l timeout -d 'Limit the whole run [env: SOCKKIT_TIMEOUT]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l tls -d 'Use TLS and verify the server\'s certificate'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand doctor" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l format -d 'Output format [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned columns'
plain\t'One record per line, tab-separated, no header'
json\t'One JSON object per line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Use colour on a terminal, unless `NO_COLOR` is set'
always\t'Always use colour'
never\t'Never use colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l json -d 'Print one JSON object per line'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l plain -d 'Print tab-separated lines without a header'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s v -l verbose -d 'Show more detail: connection attempts and received data'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s q -l quiet -d 'Print only data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s h -l help -d 'Print this summary; --help lists all options'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "info" -d 'Show this machine\'s host name, addresses and DNS servers'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "resolve" -d 'Look up names and addresses: any record type, any server'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "listen" -d 'Accept connections, report each client and print what it sends'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "connect" -d 'Connect to a server over TCP, TLS, UDP or a Unix socket'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "echo-server" -d 'Send back what each client sends'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "login-server" -d 'Ask each client for a user name and password; record each pair'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "login" -d 'Send a user name and password to a login server'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "chat-server" -d 'Run a chat room for all clients that connect'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "probe" -d 'Show whether ports are open; wait for them, scan them, time them'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "doctor" -d 'Check the layers from this machine to a server; name the first broken one'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server probe doctor completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
