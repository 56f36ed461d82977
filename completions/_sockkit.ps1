
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
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show this machine: its names, addresses, interfaces, gateways and DNS servers')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Ask the DNS: names to addresses and back, any record type, any server')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Wait for clients, say who came, print what they send')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Talk to a server: at a prompt, or through a pipe')
            [CompletionResult]::new('echo-server', 'echo-server', [CompletionResultType]::ParameterValue, 'Send back whatever clients send, to many of them at once')
            [CompletionResult]::new('login-server', 'login-server', [CompletionResultType]::ParameterValue, 'Ask clients for user and password, show and record each pair')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Give a login server a user and a password')
            [CompletionResult]::new('chat-server', 'chat-server', [CompletionResultType]::ParameterValue, 'Open a chat room for everybody who connects')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sockkit;info' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;resolve' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Ask for this type (can be repeated) [default: A and AAAA, or PTR]')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Ask for this type (can be repeated) [default: A and AAAA, or PTR]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long everything may take; without it, or with 0, 5s a server for each lookup')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Ask over TCP from the beginning')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;listen' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at once with --keep-open; more wait until there is a place')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long everything may take; 0 for no limit')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End a conversation when nothing has come or gone for so long; 0 for never')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'After our end, wait so long at most for the peer''s')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Wait so long after each line that is sent')
            [CompletionResult]::new('--split', '--split', [CompletionResultType]::ParameterName, 'Send a datagram for each line (lines), or for each so many bytes')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this program for each client: it reads what the client sends, and what it writes is sent (no shell: sh -c ''...'' is one); SOCKKIT_PEER_ADDR and SOCKKIT_PEER_PORT are in its environment')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Follow a script of expect and send steps, instead of standard input')
            [CompletionResult]::new('--send', '--send', [CompletionResultType]::ParameterName, 'Send this, where \r\n and other escapes stand for bytes; in order with --expect')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Wait until what comes matches a regular expression: ''^220'', or ''/^220/i 5s''; 10s unless it says else')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append both directions to FILE, one JSON line a piece, at the moment it passes')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file once it listens, and remove the file at the end')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'How long clients may take to finish when the server is stopped')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Let these not connect, whatever --allow says')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'The permissions of a Unix socket''s file, in octal, before anybody can connect')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Show this certificate (PEM, with its chain) to clients')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The private key of --cert (PEM), unless that file has it too')
            [CompletionResult]::new('--client-ca', '--client-ca', [CompletionResultType]::ParameterName, 'Demand of each client a certificate of the CAs in this PEM file')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Speak these application protocols (ALPN), the best first, such as h2,http/1.1')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Serve many clients at once, until stopped; what we send goes to all of them')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Serve many clients at once, until stopped; what we send goes to all of them')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Only send: what comes is read and thrown away')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Only receive: standard input is not read, and our side stays open')
            [CompletionResult]::new('--half-open', '--half-open', [CompletionResultType]::ParameterName, 'After the peer''s end, end standard output too, and go on sending until our input ends')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF at every line''s end; what comes stays as it is')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Show a terminal what the peer sends untouched, control characters and all')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Speak UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Speak UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Show all bytes on standard error: when, which way, in hex and as text')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Show at the end where the time went, how fast it was, and what TCP measured')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Speak TLS; needs --cert or --self-signed')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Show a certificate made for this run, and say its fingerprint for the clients'' --pin')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;connect' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End a conversation when nothing has come or gone for so long; 0 for never')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'After our end, wait so long at most for the peer''s')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Wait so long after each line that is sent')
            [CompletionResult]::new('--split', '--split', [CompletionResultType]::ParameterName, 'Send a datagram for each line (lines), or for each so many bytes')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this program at our end: it reads what comes, and what it writes is sent (no shell: sh -c ''...'' is one)')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Follow a script of expect and send steps, instead of standard input')
            [CompletionResult]::new('--send', '--send', [CompletionResultType]::ParameterName, 'Send this, where \r\n and other escapes stand for bytes; in order with --expect')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Wait until what comes matches a regular expression: ''^220'', or ''/^220/i 5s''; 10s unless it says else')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Append both directions to FILE, one JSON line a piece, at the moment it passes')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Connect from this address of ours; 0.0.0.0:PORT for a port alone')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long each try to connect may take, over all addresses; 0 for as long as the system tries')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long everything may take; 0 for no limit')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the CAs in this PEM file, and no others')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the certificate with this fingerprint (sha256:...), whoever signed it; may be repeated')
            [CompletionResult]::new('--servername', '--servername', [CompletionResultType]::ParameterName, 'Ask for this name, and expect it in the certificate, instead of the host''s')
            [CompletionResult]::new('--alpn', '--alpn', [CompletionResultType]::ParameterName, 'Offer these application protocols (ALPN), the best first, such as h2,http/1.1')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Show this certificate (PEM, with its chain) to a server that asks for one')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The private key of --cert (PEM), unless that file has it too')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Begin in plain and change over to TLS as this protocol does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--send-only', '--send-only', [CompletionResultType]::ParameterName, 'Only send: what comes is read and thrown away')
            [CompletionResult]::new('--recv-only', '--recv-only', [CompletionResultType]::ParameterName, 'Only receive: standard input is not read, and our side stays open')
            [CompletionResult]::new('--half-open', '--half-open', [CompletionResultType]::ParameterName, 'After the peer''s end, end standard output too, and go on sending until our input ends')
            [CompletionResult]::new('--crlf', '--crlf', [CompletionResultType]::ParameterName, 'Send CR LF at every line''s end; what comes stays as it is')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Show a terminal what the peer sends untouched, control characters and all')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Speak UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Speak UDP; with unix:PATH, Unix datagrams')
            [CompletionResult]::new('--hexdump', '--hexdump', [CompletionResultType]::ParameterName, 'Show all bytes on standard error: when, which way, in hex and as text')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Show at the end where the time went, how fast it was, and what TCP measured')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Speak TLS, with a server whose certificate this machine trusts')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Trust any certificate: nobody else can listen, but who the peer is remains unknown')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;echo-server' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Close a client that has sent nothing for so long; 0 for never')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at once; more wait until there is a place')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file once it listens, and remove the file at the end')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'How long clients may take to finish when the server is stopped')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Let these not connect, whatever --allow says')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'The permissions of a Unix socket''s file, in octal, before anybody can connect')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--timestamp', '--timestamp', [CompletionResultType]::ParameterName, 'Put the time before every answer, as ctime(3) writes it')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;login-server' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'The file each login is appended to')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'How long a login may take, from the moment the client connects; 0 for no limit')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at once; for one more the oldest that has not logged in is thrown out')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file once it listens, and remove the file at the end')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'How long clients may take to finish when the server is stopped')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Let these not connect, whatever --allow says')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'The permissions of a Unix socket''s file, in octal, before anybody can connect')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Serve one client and end: 0 if it logged in, 1 if not')
            [CompletionResult]::new('--field-per-read', '--field-per-read', [CompletionResultType]::ParameterName, 'Take each read as one field, for clients that send no line end')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;login' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The user name, instead of being asked')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Connect from this address of ours; 0.0.0.0:PORT for a port alone')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'How long each try to connect may take, over all addresses; 0 for as long as the system tries')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long everything may take; 0 for no limit')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Take the first line of standard input as the password, instead of being asked')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;chat-server' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'How long somebody may take to give a nickname; 0 for no limit')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Clients at once; one more is told that the room is busy')
            [CompletionResult]::new('--port-file', '--port-file', [CompletionResultType]::ParameterName, 'Write the port to this file once it listens, and remove the file at the end')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'How long clients may take to finish when the server is stopped')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Let these not connect, whatever --allow says')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'The permissions of a Unix socket''s file, in octal, before anybody can connect')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask a silent peer''s TCP so often whether it is still there; whole seconds')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How many hops a packet may take')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--public', '--public', [CompletionResultType]::ParameterName, 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--nodelay', '--nodelay', [CompletionResultType]::ParameterName, 'Send small writes at once, without waiting for more; this is the default')
            [CompletionResult]::new('--no-nodelay', '--no-nodelay', [CompletionResultType]::ParameterName, 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;completions' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How data is printed [env: SOCKKIT_FORMAT] [default: table]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour [env: SOCKKIT_COLOR] [default: auto]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line (--format json)')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Print tab-separated lines without a header (--format plain)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: what is tried, and what peers send')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but data and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sockkit;help' {
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show this machine: its names, addresses, interfaces, gateways and DNS servers')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Ask the DNS: names to addresses and back, any record type, any server')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Wait for clients, say who came, print what they send')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Talk to a server: at a prompt, or through a pipe')
            [CompletionResult]::new('echo-server', 'echo-server', [CompletionResultType]::ParameterValue, 'Send back whatever clients send, to many of them at once')
            [CompletionResult]::new('login-server', 'login-server', [CompletionResultType]::ParameterValue, 'Ask clients for user and password, show and record each pair')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Give a login server a user and a password')
            [CompletionResult]::new('chat-server', 'chat-server', [CompletionResultType]::ParameterValue, 'Open a chat room for everybody who connects')
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
