extension ConfigurationFile {
    /// JSON Schema of every key there is.
    package static var schema: String { Schema.document(ProcessKeys.all(pipeBytesMax: 1 << 30)).text }

    /// A file with every key, commented, that can be served after its addresses are changed.
    package static let example = """
        # Configuration of longsplice serve. Everything but listeners and pools may be left out; what is written here are the defaults,
        # except where it says "for example".
        #
        # Sizes are plain bytes or KiB, MiB, GiB; times are ms, s, m, h. A value may hold variables of the environment, ${NAME} or
        # ${NAME:-default}, and $$ for a dollar. Check a file with: longsplice check --config FILE

        # Threads, for example; one for each processor where it is not given.
        workers: 2
        # auto (io_uring where it works), uring or epoll
        engine: auto
        # adaptive (each direction by what it shows), splice or copy
        relay: adaptive

        # Each worker's io_uring.
        uring:
          ring_depth: 256
          cq_depth: 4096
          iowq_workers: 1
          # defer (IORING_SETUP_DEFER_TASKRUN) or coop
          taskrun: defer

        # What bulk goes through: bytes of each pipe, and bytes moved at once.
        pipes:
          size: 1MiB
          chunk: 1MiB

        # What small messages are copied through, for each worker.
        buffers:
          size: 16KiB
          count: 4096

        # How long a worker spins before it sleeps, in microseconds.
        spin_micros: 50

        # For example; without it, as many connections as the descriptor limit allows, and no bound for a client.
        limits:
          connections: ${LONGSPLICE_CONNECTIONS:-400}
          connections_per_client: 100

        # For connections to end by themselves after SIGTERM.
        drain_timeout: 30s

        # Lines on standard error. For example, statistics every 10 s; without the key there are none.
        log:
          format: text
          level: info
          stats: 10s

        # For example; without it there is no access log. A file (reopened on SIGUSR2), - for standard output, or unix:PATH.
        access_log:
          to: "-"
          format: json

        # Where longsplice status, reload, drain and server ask and tell it while it runs; nowhere without the key. Only root and the
        # process's own user are answered.
        # control:
        #   socket: /run/longsplice/control.sock
        #   mode: "0600"

        # Where connections are accepted. An address is HOST:PORT, [IPv6]:PORT, unix:PATH or unix:@NAME (without a file);
        # 127.0.0.1:8000-8003 stands for four. fd:NAME is a socket of systemd's (FileDescriptorName=), fd:3 one by its number.
        listeners:
          - name: https
            bind: ["127.0.0.1:8443", "[::1]:8443"]
            # Length of the accept queue, capped by net.core.somaxconn.
            backlog: 4096
            # Accepted sockets have these too. For example; without the keys, what the kernel does.
            tcp_fastopen: 256
            tcp_defer_accept: 5s
            user_timeout: 30s
            # The key alone means the defaults.
            keepalive: { idle: 60s, interval: 10s, probes: 6 }
            congestion_control: reno
            interface: lo
            # Addresses that are not this machine's; needs CAP_NET_ADMIN.
            transparent: false
            # Of UNIX sockets' files:
            # mode: "0660"
            # How much it takes; for example. No bound for what is not given. A client is an IPv4 address or an IPv6 /64.
            limits:
              connections: 300
              per_client: 50
              # As many at once, and then one by one; /s or /m.
              rate_per_client: 50/s
              # Of each direction.
              bandwidth_per_connection: 100MiB/s
            # Who may come, and of those who may not; for example. Anybody may without the keys.
            allow: [0.0.0.0/0, "::/0"]
            deny: [192.0.2.66]
            # Peers that have to begin with a PROXY header, version 1 or 2, and speak for their clients, for example; unix stands for the
            # clients of UNIX sockets. Nobody without the key. A peer that has not given a whole header in time is reset.
            proxy_protocol:
              accept: [10.0.0.0/8, unix]
              timeout: 3s
            # For a TLS ClientHello, from accept on, where routes have sni or alpn; then it is taken for missing.
            client_hello_timeout: 3s
            # The first route of which all conditions are met is taken, and who has none is reset; instead of pool.
            routes:
              - { sni: [shop.example.com, "*.shop.example.com"], alpn: [h2], pool: web }
              - { source: [198.51.100.0/24], reject: true }
              # These get a file, as with a pool's fallback_file:
              # - { source: [192.0.2.0/24], fallback_file: /etc/longsplice/503.http }
              - { source: [127.0.0.0/8, "::1"], pool: web }
              - { pool: echo }
          - name: admin
            bind: ["127.0.0.1:8000-8003"]
            # May be left out where there is only one pool.
            pool: echo

        pools:
          - name: web
            # round_robin (the default), random_two, least_connections, source_hash or first
            balance: least_connections
            # Addresses, or mappings with an address. A server of weight 2 gets twice as many connections; a backup is only tried when none
            # of the others could be connected.
            servers:
              - 192.0.2.1:8443
              - { address: "192.0.2.2:8443", weight: 2 }
              - { address: "192.0.2.9:8443", backup: true }
            # A name that gives more servers, or all where there are none above, for example. It is looked up in the background, as
            # /etc/resolv.conf says: type a (IPv4), aaaa (IPv6) or addresses (both) with a port, or srv, which tells ports, weights and
            # backups.
            resolve:
              name: shop.example.com
              type: addresses
              port: 8443
              # ttl (the default) is as long as an answer may be kept, from 1s to 1h; or a time.
              refresh: ttl
            connect:
              timeout: 5s
              # Servers tried for one client after the first, for example; all there are without the key.
              retries: 2
              # Addresses of this machine that connections come from, for example; the kernel's choice without the key.
              source: [127.0.0.1]
              # From the client's own address instead, which needs CAP_NET_ADMIN and a route back.
              transparent_source: false
              # For example; without the keys, what the kernel does.
              user_timeout: 30s
              keepalive: { idle: 60s, interval: 10s, probes: 6 }
              congestion_control: reno
            # For example; without it, servers have as many connections as come.
            server_limits:
              # Of each server at a time, attempts to connect among them.
              connections: 500
              # Clients that wait while all servers are full, and for how long; the others are refused. Nobody waits without the key.
              queue: 100
              queue_timeout: 1s
            # Without it, no server is left out: each one that fails is tried again for the next client.
            eject:
              # Connects in a row that have to fail, for how long the server is then left out, and how many of the pool may be.
              after_failures: 5
              for: 10s
              at_most: 50%
            # Without it, nobody is checked. A server is down after so many checks in a row that failed, and up again after so many that
            # succeeded; one that is down is not connected, and where all are, clients get the fallback file or are reset.
            health:
              interval: 2s
              rise: 2
              fall: 3
              # For one check.
              timeout: 1s
              # A connection is enough where neither send nor expect is given; these two are for example, of Redis. What is expected may
              # stand anywhere in the first 4 KiB of the answer.
              connect_only: false
              send: "PING\\r\\n"
              expect: "+PONG"
            # keep (the default), or close_sessions: those of a server that goes down are reset.
            on_down: keep
            # How long a server that is back gets fewer connections, evenly more of them, for example; none without the key.
            slow_start: 30s
            # A session is reset when it is so old, less up to so much of it; for example, without the key it may grow as old as it likes.
            max_lifetime:
              at_most: 12h
              jitter: 10%
            timeouts:
              # A pair over which nothing moves, and one that is half closed.
              idle: 1h
              fin: 30s
              # The latter where the client has ended first, and where the server has; both as fin without the keys.
              client_fin: 30s
              server_fin: 30s
            # Tells servers who their client is, by a PROXY header of version v1 or v2, for example; nothing is told without the key.
            proxy_protocol:
              send: v2
              # For version 2 and for example: the name and the protocol in the client's ClientHello, a number that no other connection has,
              # and a checksum.
              tlv: [authority, alpn, unique_id, crc32c]
            # Clients get this file for whom no server can be connected:
            # fallback_file: /etc/longsplice/503.http

          - name: echo
            # An echo server inside the process.
            servers: [echo]

        """
}
