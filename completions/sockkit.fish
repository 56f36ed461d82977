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

complete -c sockkit -n "__fish_sockkit_needs_command" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_needs_command" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_needs_command" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_needs_command" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_needs_command" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_needs_command" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_needs_command" -s V -l version -d 'Print version'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "info" -d 'Show this machine: its names, addresses, interfaces, gateways and DNS servers'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "resolve" -d 'Ask the DNS: names to addresses and back, any record type, any server'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "listen" -d 'Wait for clients, say who came, print what they send'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "connect" -d 'Talk to a server: at a prompt, or through a pipe'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "echo-server" -d 'Send back whatever clients send, to many of them at once'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "login-server" -d 'Ask clients for user and password, show and record each pair'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "login" -d 'Give a login server a user and a password'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "chat-server" -d 'Open a chat room for everybody who connects'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c sockkit -n "__fish_sockkit_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s t -l type -d 'Ask for this type (can be repeated) [default: A and AAAA, or PTR]' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l timeout -d 'How long everything may take; without it, or with 0, 5s a server for each lookup' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -l tcp -d 'Ask over TCP from the beginning'
complete -c sockkit -n "__fish_sockkit_using_subcommand resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l max-clients -d 'Clients at once with --keep-open; more wait until there is a place' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l timeout -d 'How long everything may take; 0 for no limit' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l idle-timeout -d 'End a conversation when nothing has come or gone for so long; 0 for never' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l linger -d 'After our end, wait so long at most for the peer\'s' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l delay -d 'Wait so long after each line that is sent' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l split -d 'Send a datagram for each line (lines), or for each so many bytes' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l exec -d 'Run this program for each client: it reads what the client sends, and what it writes is sent (no shell: sh -c \'...\' is one); SOCKKIT_PEER_ADDR and SOCKKIT_PEER_PORT are in its environment' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l script -d 'Follow a script of expect and send steps, instead of standard input' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l send -d 'Send this, where \\r\\n and other escapes stand for bytes; in order with --expect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l expect -d 'Wait until what comes matches a regular expression: \'^220\', or \'/^220/i 5s\'; 10s unless it says else' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l record -d 'Append both directions to FILE, one JSON line a piece, at the moment it passes' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l port-file -d 'Write the port to this file once it listens, and remove the file at the end' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l grace -d 'How long clients may take to finish when the server is stopped' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l allow -d 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l deny -d 'Let these not connect, whatever --allow says' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l mode -d 'The permissions of a Unix socket\'s file, in octal, before anybody can connect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l cert -d 'Show this certificate (PEM, with its chain) to clients' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l key -d 'The private key of --cert (PEM), unless that file has it too' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l client-ca -d 'Demand of each client a certificate of the CAs in this PEM file' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l alpn -d 'Speak these application protocols (ALPN), the best first, such as h2,http/1.1' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s k -l keep-open -d 'Serve many clients at once, until stopped; what we send goes to all of them'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l send-only -d 'Only send: what comes is read and thrown away'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l recv-only -d 'Only receive: standard input is not read, and our side stays open'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l half-open -d 'After the peer\'s end, end standard output too, and go on sending until our input ends'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l crlf -d 'Send CR LF at every line\'s end; what comes stays as it is'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l raw -d 'Show a terminal what the peer sends untouched, control characters and all'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s u -l udp -d 'Speak UDP; with unix:PATH, Unix datagrams'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l hexdump -d 'Show all bytes on standard error: when, which way, in hex and as text'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l stats -d 'Show at the end where the time went, how fast it was, and what TCP measured'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l public -d 'Let everybody connect: listen on all interfaces instead of only this machine\'s loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l tls -d 'Speak TLS; needs --cert or --self-signed'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -l self-signed -d 'Show a certificate made for this run, and say its fingerprint for the clients\' --pin'
complete -c sockkit -n "__fish_sockkit_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l idle-timeout -d 'End a conversation when nothing has come or gone for so long; 0 for never' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l linger -d 'After our end, wait so long at most for the peer\'s' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l delay -d 'Wait so long after each line that is sent' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l split -d 'Send a datagram for each line (lines), or for each so many bytes' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l exec -d 'Run this program at our end: it reads what comes, and what it writes is sent (no shell: sh -c \'...\' is one)' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l script -d 'Follow a script of expect and send steps, instead of standard input' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l send -d 'Send this, where \\r\\n and other escapes stand for bytes; in order with --expect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l expect -d 'Wait until what comes matches a regular expression: \'^220\', or \'/^220/i 5s\'; 10s unless it says else' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l record -d 'Append both directions to FILE, one JSON line a piece, at the moment it passes' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l from -d 'Connect from this address of ours; 0.0.0.0:PORT for a port alone' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l connect-timeout -d 'How long each try to connect may take, over all addresses; 0 for as long as the system tries' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l timeout -d 'How long everything may take; 0 for no limit' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l retry -d 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l ca -d 'Trust the CAs in this PEM file, and no others' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l pin -d 'Trust the certificate with this fingerprint (sha256:...), whoever signed it; may be repeated' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l servername -d 'Ask for this name, and expect it in the certificate, instead of the host\'s' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l alpn -d 'Offer these application protocols (ALPN), the best first, such as h2,http/1.1' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l cert -d 'Show this certificate (PEM, with its chain) to a server that asks for one' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l key -d 'The private key of --cert (PEM), unless that file has it too' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l starttls -d 'Begin in plain and change over to TLS as this protocol does' -r -f -a "smtp\t'Mail to a server (ports 25 and 587)'
imap\t'Mailboxes on a server (port 143)'
pop3\t'Mail from a server (port 110)'"
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l send-only -d 'Only send: what comes is read and thrown away'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l recv-only -d 'Only receive: standard input is not read, and our side stays open'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l half-open -d 'After the peer\'s end, end standard output too, and go on sending until our input ends'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l crlf -d 'Send CR LF at every line\'s end; what comes stays as it is'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l raw -d 'Show a terminal what the peer sends untouched, control characters and all'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s u -l udp -d 'Speak UDP; with unix:PATH, Unix datagrams'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l hexdump -d 'Show all bytes on standard error: when, which way, in hex and as text'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l stats -d 'Show at the end where the time went, how fast it was, and what TCP measured'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l tls -d 'Speak TLS, with a server whose certificate this machine trusts'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -l insecure -d 'Trust any certificate: nobody else can listen, but who the peer is remains unknown'
complete -c sockkit -n "__fish_sockkit_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l idle-timeout -d 'Close a client that has sent nothing for so long; 0 for never' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l max-clients -d 'Clients at once; more wait until there is a place' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l port-file -d 'Write the port to this file once it listens, and remove the file at the end' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l grace -d 'How long clients may take to finish when the server is stopped' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l allow -d 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l deny -d 'Let these not connect, whatever --allow says' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l mode -d 'The permissions of a Unix socket\'s file, in octal, before anybody can connect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l timestamp -d 'Put the time before every answer, as ctime(3) writes it'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l public -d 'Let everybody connect: listen on all interfaces instead of only this machine\'s loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand echo-server" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l log -d 'The file each login is appended to' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l idle-timeout -d 'How long a login may take, from the moment the client connects; 0 for no limit' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l max-clients -d 'Clients at once; for one more the oldest that has not logged in is thrown out' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l port-file -d 'Write the port to this file once it listens, and remove the file at the end' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l grace -d 'How long clients may take to finish when the server is stopped' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l allow -d 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l deny -d 'Let these not connect, whatever --allow says' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l mode -d 'The permissions of a Unix socket\'s file, in octal, before anybody can connect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l once -d 'Serve one client and end: 0 if it logged in, 1 if not'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l field-per-read -d 'Take each read as one field, for clients that send no line end'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l public -d 'Let everybody connect: listen on all interfaces instead of only this machine\'s loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login-server" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l user -d 'The user name, instead of being asked' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l from -d 'Connect from this address of ours; 0.0.0.0:PORT for a port alone' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l connect-timeout -d 'How long each try to connect may take, over all addresses; 0 for as long as the system tries' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l timeout -d 'How long everything may take; 0 for no limit' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l retry -d 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l password-stdin -d 'Take the first line of standard input as the password, instead of being asked'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l idle-timeout -d 'How long somebody may take to give a nickname; 0 for no limit' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l max-clients -d 'Clients at once; one more is told that the room is busy' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l port-file -d 'Write the port to this file once it listens, and remove the file at the end' -r -F
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l grace -d 'How long clients may take to finish when the server is stopped' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l allow -d 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l deny -d 'Let these not connect, whatever --allow says' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l mode -d 'The permissions of a Unix socket\'s file, in octal, before anybody can connect' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l keepalive -d 'Ask a silent peer\'s TCP so often whether it is still there; whole seconds' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l ttl -d 'How many hops a packet may take' -r
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l public -d 'Let everybody connect: listen on all interfaces instead of only this machine\'s loopback'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s 4 -d 'Use IPv4 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s 6 -d 'Use IPv6 only'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l nodelay -d 'Send small writes at once, without waiting for more; this is the default'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -l no-nodelay -d 'Let small writes wait for the acknowledgement of the one before (Nagle\'s algorithm)'
complete -c sockkit -n "__fish_sockkit_using_subcommand chat-server" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l format -d 'How data is printed [env: SOCKKIT_FORMAT] [default: table]' -r -f -a "table\t'Aligned, for people'
plain\t'One record a line, tab-separated, no header'
json\t'One JSON object a line'"
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l color -d 'When to use colour [env: SOCKKIT_COLOR] [default: auto]' -r -f -a "auto\t'Colour on a terminal, unless `NO_COLOR` is set'
always\t'Colour always'
never\t'No colour'"
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l json -d 'Print one JSON object a line (--format json)'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -l plain -d 'Print tab-separated lines without a header (--format plain)'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s v -l verbose -d 'Say more: what is tried, and what peers send'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s q -l quiet -d 'Say nothing but data and errors'
complete -c sockkit -n "__fish_sockkit_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "info" -d 'Show this machine: its names, addresses, interfaces, gateways and DNS servers'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "resolve" -d 'Ask the DNS: names to addresses and back, any record type, any server'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "listen" -d 'Wait for clients, say who came, print what they send'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "connect" -d 'Talk to a server: at a prompt, or through a pipe'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "echo-server" -d 'Send back whatever clients send, to many of them at once'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "login-server" -d 'Ask clients for user and password, show and record each pair'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "login" -d 'Give a login server a user and a password'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "chat-server" -d 'Open a chat room for everybody who connects'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c sockkit -n "__fish_sockkit_using_subcommand help; and not __fish_seen_subcommand_from info resolve listen connect echo-server login-server login chat-server completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
