
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sockkit' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sockkit'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sockkit' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show this machine''s host name, addresses and DNS servers')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Look up names and addresses: any record type, any server')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Accept connections, report each client and print what it sends')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Connect to a server over TCP, TLS, UDP or a Unix socket')
            [CompletionResult]::new('echo-server', 'echo-server', [CompletionResultType]::ParameterValue, 'Send back what each client sends')
            [CompletionResult]::new('login-server', 'login-server', [CompletionResultType]::ParameterValue, 'Ask each client for a user name and password; record each pair')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Send a user name and password to a login server')
            [CompletionResult]::new('chat-server', 'chat-server', [CompletionResultType]::ParameterValue, 'Run a chat room for all clients that connect')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check the layers from this machine to a server; name the first broken one')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockkit;info' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Show which process holds this port; exit 1 if it is free')
            [CompletionResult]::new('--services', '--services', [CompletionResultType]::ParameterName, 'Show the names of services and their ports, or one of them')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--listening', '--listening', [CompletionResultType]::ParameterName, 'Show the sockets that accept connections or datagrams')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;resolve' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Look up this record type [default: A and AAAA, or PTR]')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Look up this record type [default: A and AAAA, or PTR]')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Look up the name of this address')
            [CompletionResult]::new('--reverse', '--reverse', [CompletionResultType]::ParameterName, 'Look up the name of this address')
            [CompletionResult]::new('--class', '--class', [CompletionResultType]::ParameterName, 'Ask about this class: IN, CH or HS [default: IN]')
            [CompletionResult]::new('--tries', '--tries', [CompletionResultType]::ParameterName, 'Send each query up to N times over UDP [default: 2]')
            [CompletionResult]::new('--bootstrap', '--bootstrap', [CompletionResultType]::ParameterName, 'Resolve the names of servers with the DNS server at this address')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Look up the names in this file, one per line; - for standard input')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Look up the names in this file, one per line; - for standard input')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Look up at most N names of --file at once')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Start at most N lookups of --file per second')
            [CompletionResult]::new('--name-timeout', '--name-timeout', [CompletionResultType]::ParameterName, 'Limit the lookup of each name with --file, --wait and --watch')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Exit with 1 unless a record has this data')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Look up again each second until there is a record, or the one of --expect')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Look up again each time that DURATION has passed, and print what has changed')
            [CompletionResult]::new('--root-hints', '--root-hints', [CompletionResultType]::ParameterName, 'Begin --trace at the servers in this file, which has the format of IANA''s named.root')
            [CompletionResult]::new('--ecs', '--ecs', [CompletionResultType]::ParameterName, 'Ask for the answer that clients in this network get')
            [CompletionResult]::new('--bufsize', '--bufsize', [CompletionResultType]::ParameterName, 'Announce this size of UDP replies, in bytes [default: 1232]')
            [CompletionResult]::new('--padding', '--padding', [CompletionResultType]::ParameterName, 'Pad queries to a multiple of BYTES')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust only the certificates in this PEM file, and those that they have signed')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust only the certificate with this fingerprint')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Request and verify this server name instead of the server''s host')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The port of each @SERVER without one; for users of dig')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit the whole run [env: SOCKKIT_TIMEOUT] [default: 5s]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--short', '--short', [CompletionResultType]::ParameterName, 'Print only the data of the records, one per line')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Query over TCP from the start')
            [CompletionResult]::new('--no-tcp', '--no-tcp', [CompletionResultType]::ParameterName, 'Show a truncated reply instead of asking again over TCP')
            [CompletionResult]::new('--no-follow', '--no-follow', [CompletionResultType]::ParameterName, 'Do not ask again for the target of an alias')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Query all servers, and show the answer of each')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Query all servers, and exit with 1 if their answers differ')
            [CompletionResult]::new('--fastest', '--fastest', [CompletionResultType]::ParameterName, 'Query all servers at once, and use the first answer')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'Show what programs on this machine get beside the DNS answer')
            [CompletionResult]::new('--unordered', '--unordered', [CompletionResultType]::ParameterName, 'Print each result of --file as soon as it is known')
            [CompletionResult]::new('--axfr', '--axfr', [CompletionResultType]::ParameterName, 'Transfer the whole zone over TCP or TLS, as with the type AXFR')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Follow the name from the root down, and show each query')
            [CompletionResult]::new('--dnssec', '--dnssec', [CompletionResultType]::ParameterName, 'Ask for DNSSEC records: RRSIG, NSEC and others')
            [CompletionResult]::new('--nsid', '--nsid', [CompletionResultType]::ParameterName, 'Ask for the server''s identifier')
            [CompletionResult]::new('--cookie', '--cookie', [CompletionResultType]::ParameterName, 'Send a DNS cookie, and show the server''s')
            [CompletionResult]::new('--no-edns', '--no-edns', [CompletionResultType]::ParameterName, 'Query without EDNS, as in RFC 1035')
            [CompletionResult]::new('--no-recurse', '--no-recurse', [CompletionResultType]::ParameterName, 'Ask the server not to query other servers (RD off)')
            [CompletionResult]::new('--cd', '--cd', [CompletionResultType]::ParameterName, 'Ask for data that fails the server''s validation too (CD)')
            [CompletionResult]::new('--ad', '--ad', [CompletionResultType]::ParameterName, 'Ask whether the server has validated the answer (AD)')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Encrypt, but do not verify the server''s certificate')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;listen' {
            [CompletionResult]::new('--split', '--split', [CompletionResultType]::ParameterName, 'Send one datagram per line (lines) or per SIZE bytes')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Require a client certificate from this PEM file, or from a CA in it')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close the connection after this long without traffic [default: never]')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'After the input ends, wait at most this long for the peer to close')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Pause this long after each line or datagram sent')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit the whole run [env: SOCKKIT_TIMEOUT]')
            [CompletionResult]::new('--send', '--send', [CompletionResultType]::ParameterName, 'Send TEXT instead of standard input')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Wait until received data matches REGEX')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Connect the peer to CMD''s standard input and output')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run the expect and send steps in FILE')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Accept only clients from these networks or hosts')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Reject clients from these networks or hosts; takes precedence over --allow')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file while listening')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Set the permissions of the Unix socket''s file, in octal')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'On a stop, wait this long for clients to finish')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Serve at most N clients at once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Serve many clients at once, until stopped')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Serve many clients at once, until stopped')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Use UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Use UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS; requires --cert or --self-signed')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Create a certificate for this run and print its fingerprint')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only; exit once the peer has received everything')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only; do not read standard input')
            [CompletionResult]::new('--half-open', '--half-open', [CompletionResultType]::ParameterName, 'Keep sending until standard input ends, even after the peer has closed its side')
            [CompletionResult]::new('--no-shutdown', '--no-shutdown', [CompletionResultType]::ParameterName, 'Do not send FIN when standard input ends; wait for the peer to close')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF at the end of each line')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Do not escape control characters on a terminal')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Listen on all interfaces, not only on loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;connect' {
            [CompletionResult]::new('--split', '--split', [CompletionResultType]::ParameterName, 'Send one datagram per line (lines) or per SIZE bytes')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust only the certificates in this PEM file, and those that they have signed')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust only the certificate with this fingerprint')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Request and verify this server name instead of the server''s host')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Start in plain text and change to TLS as this protocol does')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close the connection after this long without traffic [default: never]')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'After the input ends, wait at most this long for the peer to close')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Pause this long after each line or datagram sent')
            [CompletionResult]::new('--send', '--send', [CompletionResultType]::ParameterName, 'Send TEXT instead of standard input')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Wait until received data matches REGEX')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Connect the peer to CMD''s standard input and output')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run the expect and send steps in FILE')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Retry a failed connection N times, with backoff')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Connect from this local address')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up connecting after this long')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit the whole run [env: SOCKKIT_TIMEOUT]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Use UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Use UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS and verify the server''s certificate')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Encrypt, but do not verify the server''s certificate')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Send only; exit once the peer has received everything')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Receive only; do not read standard input')
            [CompletionResult]::new('--half-open', '--half-open', [CompletionResultType]::ParameterName, 'Keep sending until standard input ends, even after the peer has closed its side')
            [CompletionResult]::new('--no-shutdown', '--no-shutdown', [CompletionResultType]::ParameterName, 'Do not send FIN when standard input ends; wait for the peer to close')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF at the end of each line')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Do not escape control characters on a terminal')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;echo-server' {
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Serve at most N clients at once')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Accept only clients from these networks or hosts')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Reject clients from these networks or hosts; takes precedence over --allow')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file while listening')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Set the permissions of the Unix socket''s file, in octal')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'On a stop, wait this long for clients to finish')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Require a client certificate from this PEM file, or from a CA in it')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close a connection after this long without data')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--timestamp', '--timestamp', [CompletionResultType]::ParameterName, 'Begin each reply with the time, in the format of ctime(3)')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Listen on all interfaces, not only on loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS; requires --cert or --self-signed')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Create a certificate for this run and print its fingerprint')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;login-server' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Append each login to FILE')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Serve at most N clients at once')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Accept only clients from these networks or hosts')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Reject clients from these networks or hosts; takes precedence over --allow')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file while listening')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Set the permissions of the Unix socket''s file, in octal')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'On a stop, wait this long for clients to finish')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Require a client certificate from this PEM file, or from a CA in it')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Limit the time to log in')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Serve one client, then exit: 0 if it logged in, else 1')
            [CompletionResult]::new('--field-per-read', '--field-per-read', [CompletionResultType]::ParameterName, 'Treat each read as one field, without a line ending')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Listen on all interfaces, not only on loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS; requires --cert or --self-signed')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Create a certificate for this run and print its fingerprint')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;login' {
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Send this user name; do not prompt for it')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust only the certificates in this PEM file, and those that they have signed')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust only the certificate with this fingerprint')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Request and verify this server name instead of the server''s host')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Start in plain text and change to TLS as this protocol does')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Retry a failed connection N times, with backoff')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Connect from this local address')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up connecting after this long')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit the whole run [env: SOCKKIT_TIMEOUT]')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Read the password from the first line of standard input')
            [CompletionResult]::new('--confirm', '--confirm', [CompletionResultType]::ParameterName, 'Exit 1 if the server closes without replying OK')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS and verify the server''s certificate')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Encrypt, but do not verify the server''s certificate')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;chat-server' {
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Accept only clients from these networks or hosts')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Reject clients from these networks or hosts; takes precedence over --allow')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file while listening')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Set the permissions of the Unix socket''s file, in octal')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'On a stop, wait this long for clients to finish')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Probe an idle peer at this interval (TCP keepalive)')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Limit packets to N hops')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Require a client certificate from this PEM file, or from a CA in it')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this certificate (PEM, with its chain)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Read the private key of --cert from this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Negotiate one of these application protocols (ALPN)')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append all traffic to FILE as JSON lines')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Limit the time to choose a nickname')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Serve at most N clients at once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Listen on all interfaces, not only on loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once (TCP_NODELAY); the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Delay small writes until earlier data is acknowledged')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS; requires --cert or --self-signed')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Create a certificate for this run and print its fingerprint')
            [CompletionResult]::new('--ignore-missing-close-notify', '--ignore-missing-close-notify', [CompletionResultType]::ParameterName, 'Accept a peer that closes without close_notify')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Dump all traffic in hex to standard error')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print timing and TCP statistics at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;doctor' {
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust only the certificates in this PEM file, and those that they have signed')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write a report in Markdown to a new file')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Limit the whole run [env: SOCKKIT_TIMEOUT]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Use TLS and verify the server''s certificate')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;completions' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show more detail: connection attempts and received data')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print this summary; --help lists all options')
            break
        }
        'sockkit;help' {
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show this machine''s host name, addresses and DNS servers')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Look up names and addresses: any record type, any server')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Accept connections, report each client and print what it sends')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Connect to a server over TCP, TLS, UDP or a Unix socket')
            [CompletionResult]::new('echo-server', 'echo-server', [CompletionResultType]::ParameterValue, 'Send back what each client sends')
            [CompletionResult]::new('login-server', 'login-server', [CompletionResultType]::ParameterValue, 'Ask each client for a user name and password; record each pair')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Send a user name and password to a login server')
            [CompletionResult]::new('chat-server', 'chat-server', [CompletionResultType]::ParameterValue, 'Run a chat room for all clients that connect')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check the layers from this machine to a server; name the first broken one')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockkit;help;info' {
            break
        }
        'sockkit;help;resolve' {
            break
        }
        'sockkit;help;listen' {
            break
        }
        'sockkit;help;connect' {
            break
        }
        'sockkit;help;echo-server' {
            break
        }
        'sockkit;help;login-server' {
            break
        }
        'sockkit;help;login' {
            break
        }
        'sockkit;help;chat-server' {
            break
        }
        'sockkit;help;doctor' {
            break
        }
        'sockkit;help;completions' {
            break
        }
        'sockkit;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
