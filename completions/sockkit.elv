
use builtin;
use str;

set edit:completion:arg-completer[sockkit] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'sockkit'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'sockkit'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand info 'Show this machine: its names, addresses, interfaces, gateways and DNS servers'
            cand resolve 'Ask the DNS: names to addresses and back, any record type, any server'
            cand listen 'Wait for clients, say who came, print what they send'
            cand connect 'Talk to a server: at a prompt, or through a pipe'
            cand echo-server 'Send back whatever clients send, to many of them at once'
            cand login-server 'Ask clients for user and password, show and record each pair'
            cand login 'Give a login server a user and a password'
            cand chat-server 'Open a chat room for everybody who connects'
            cand completions 'Print the completion script for a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sockkit;info'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;resolve'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand -t 'Ask for this type (can be repeated) [default: A and AAAA, or PTR]'
            cand --type 'Ask for this type (can be repeated) [default: A and AAAA, or PTR]'
            cand --timeout 'How long everything may take; without it, or with 0, 5s a server for each lookup'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --tcp 'Ask over TCP from the beginning'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;listen'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --max-clients 'Clients at once with --keep-open; more wait until there is a place'
            cand --idle-timeout 'End when nothing has come or gone for so long; 0 for never'
            cand --linger 'After our end, wait so long at most for the peer''s'
            cand --delay 'Wait so long after each line that is sent'
            cand --split 'Send a datagram for each line (lines), or for each so many bytes'
            cand --port-file 'Write the port to this file once it listens, and remove the file at the end'
            cand --grace 'How long clients may take to finish when the server is stopped'
            cand --allow 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated'
            cand --deny 'Let these not connect, whatever --allow says'
            cand --mode 'The permissions of a Unix socket''s file, in octal, before anybody can connect'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand -k 'Serve many clients at once, until stopped; standard input is not sent to them'
            cand --keep-open 'Serve many clients at once, until stopped; standard input is not sent to them'
            cand --send-only 'Only send: what comes is read and thrown away'
            cand --recv-only 'Only receive: standard input is not read, and our side stays open'
            cand --half-open 'After the peer''s end, go on sending until our input ends'
            cand --crlf 'Send CR LF at every line''s end; what comes stays as it is'
            cand --raw 'Show a terminal what the peer sends untouched, control characters and all'
            cand -u 'Speak UDP; with unix:PATH, Unix datagrams'
            cand --udp 'Speak UDP; with unix:PATH, Unix datagrams'
            cand --public 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;connect'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --idle-timeout 'End when nothing has come or gone for so long; 0 for never'
            cand --linger 'After our end, wait so long at most for the peer''s'
            cand --delay 'Wait so long after each line that is sent'
            cand --split 'Send a datagram for each line (lines), or for each so many bytes'
            cand --from 'Connect from this address of ours, or from this port'
            cand --connect-timeout 'How long connecting may take, over all addresses; 0 for as long as the system tries'
            cand --timeout 'How long everything may take; 0 for no limit'
            cand --retry 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --send-only 'Only send: what comes is read and thrown away'
            cand --recv-only 'Only receive: standard input is not read, and our side stays open'
            cand --half-open 'After the peer''s end, go on sending until our input ends'
            cand --crlf 'Send CR LF at every line''s end; what comes stays as it is'
            cand --raw 'Show a terminal what the peer sends untouched, control characters and all'
            cand -u 'Speak UDP; with unix:PATH, Unix datagrams'
            cand --udp 'Speak UDP; with unix:PATH, Unix datagrams'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;echo-server'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --idle-timeout 'Close a client that has sent nothing for so long; 0 for never'
            cand --max-clients 'Clients at once; more wait until there is a place'
            cand --port-file 'Write the port to this file once it listens, and remove the file at the end'
            cand --grace 'How long clients may take to finish when the server is stopped'
            cand --allow 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated'
            cand --deny 'Let these not connect, whatever --allow says'
            cand --mode 'The permissions of a Unix socket''s file, in octal, before anybody can connect'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --timestamp 'Put the time before every answer, as ctime(3) writes it'
            cand --public 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;login-server'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --log 'The file each login is appended to'
            cand --idle-timeout 'How long a login may take, from the moment the client connects; 0 for no limit'
            cand --max-clients 'Clients at once; for one more the oldest that has not logged in is thrown out'
            cand --port-file 'Write the port to this file once it listens, and remove the file at the end'
            cand --grace 'How long clients may take to finish when the server is stopped'
            cand --allow 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated'
            cand --deny 'Let these not connect, whatever --allow says'
            cand --mode 'The permissions of a Unix socket''s file, in octal, before anybody can connect'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --once 'Serve one client and end: 0 if it logged in, 1 if not'
            cand --field-per-read 'Take each read as one field, for clients that send no line end'
            cand --public 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;login'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --user 'The user name, instead of being asked'
            cand --from 'Connect from this address of ours, or from this port'
            cand --connect-timeout 'How long connecting may take, over all addresses; 0 for as long as the system tries'
            cand --timeout 'How long everything may take; 0 for no limit'
            cand --retry 'Where connecting fails, try again up to N times, after 100 ms, 200 ms, … 5 s'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --password-stdin 'Take the first line of standard input as the password, instead of being asked'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;chat-server'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --idle-timeout 'How long somebody may take to give a nickname; 0 for no limit'
            cand --max-clients 'Clients at once; one more is told that the room is busy'
            cand --port-file 'Write the port to this file once it listens, and remove the file at the end'
            cand --grace 'How long clients may take to finish when the server is stopped'
            cand --allow 'Let only these connect: networks (192.0.2.0/24), addresses or names; may be repeated'
            cand --deny 'Let these not connect, whatever --allow says'
            cand --mode 'The permissions of a Unix socket''s file, in octal, before anybody can connect'
            cand --keepalive 'Ask a silent peer''s TCP so often whether it is still there; whole seconds'
            cand --ttl 'How many hops a packet may take'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand --public 'Let everybody connect: listen on all interfaces instead of only this machine''s loopback'
            cand -4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --nodelay 'Send small writes at once (TCP_NODELAY); this is the default'
            cand --no-nodelay 'Let small writes wait for the acknowledgement of the one before (Nagle''s algorithm)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;completions'= {
            cand --format 'How data is printed [env: SOCKKIT_FORMAT] [default: table]'
            cand --color 'When to use colour [env: SOCKKIT_COLOR] [default: auto]'
            cand --json 'Print one JSON object a line (--format json)'
            cand --plain 'Print tab-separated lines without a header (--format plain)'
            cand -v 'Say more: what is tried, and what peers send'
            cand --verbose 'Say more: what is tried, and what peers send'
            cand -q 'Say nothing but data and errors'
            cand --quiet 'Say nothing but data and errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'sockkit;help'= {
            cand info 'Show this machine: its names, addresses, interfaces, gateways and DNS servers'
            cand resolve 'Ask the DNS: names to addresses and back, any record type, any server'
            cand listen 'Wait for clients, say who came, print what they send'
            cand connect 'Talk to a server: at a prompt, or through a pipe'
            cand echo-server 'Send back whatever clients send, to many of them at once'
            cand login-server 'Ask clients for user and password, show and record each pair'
            cand login 'Give a login server a user and a password'
            cand chat-server 'Open a chat room for everybody who connects'
            cand completions 'Print the completion script for a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sockkit;help;info'= {
        }
        &'sockkit;help;resolve'= {
        }
        &'sockkit;help;listen'= {
        }
        &'sockkit;help;connect'= {
        }
        &'sockkit;help;echo-server'= {
        }
        &'sockkit;help;login-server'= {
        }
        &'sockkit;help;login'= {
        }
        &'sockkit;help;chat-server'= {
        }
        &'sockkit;help;completions'= {
        }
        &'sockkit;help;help'= {
        }
    ]
    $completions[$command]
}
