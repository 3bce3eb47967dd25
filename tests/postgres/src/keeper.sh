# Keeps one PostgreSQL cluster for the process at the other end of standard input.
#
# Each line of standard input is an order, and is answered by one line: "ok", or what is wrong.
# When the orders end, because the owner closed them or was killed, the server is ended and the
# folder removed. Everything is done here and not by the owner, so that there is no moment at which
# the owner can be killed and leave something behind.
#
# Arguments: the folder to make, and the folder of PostgreSQL's programs.

folder=$1
programs=$2
data=$folder/data
log=$folder/log
server=

# The owner's path may lead to folders of tests, which go away before the keeper does.
PATH=/usr/bin:/bin:$PATH

# Only the end of the orders ends a keeper: no Ctrl-C that is meant for its owner, and no answer
# that nobody is there to read.
trap '' HUP INT TERM PIPE

umask 077
mkdir "$folder" 2>&1 || exit
# What goes wrong in here belongs to what the server says. It also lets go of all outputs that the
# owner may have handed down.
exec 2>>"$log"
echo ok

# Whether the server runs, after a moment. A shell learns that a child has ended while it waits for
# another one; the sleep is that other one.
runs() {
    [ -n "$server" ] && sleep 0.02 && kill -0 "$server" 2>/dev/null
}

# Sets the deadline for `in_time`.
allow() {
    deadline=$(($(date +%s) + $1))
}

in_time() {
    [ "$(date +%s)" -lt "$deadline" ]
}

initialise() {
    "$programs/initdb" --pgdata="$data" --auth=trust --username=postgres --encoding=UTF8 \
        --locale=C --no-sync </dev/null >>"$log" 2>&1 && echo ok || echo "initdb failed"
}

copy() {
    cp -Rp "$1" "$data" && echo ok || echo "the template cannot be copied"
}

start() {
    if runs; then
        echo "it runs already"
        return
    fi
    # It must hold neither the orders nor the answers: whoever waits for their end waits for ours.
    "$programs/postgres" -D "$data" -p "$1" </dev/null >>"$log" 2>&1 &
    server=$!
    allow 60
    # Over the socket, which lies in a folder of our own: on the port another server might answer.
    until "$programs/pg_isready" -q -h "$folder" -p "$1" -U postgres -d postgres; do
        if ! runs; then
            echo "the server ended while it started"
            return
        fi
        if ! in_time; then
            echo "the server does not answer after 60 seconds"
            return
        fi
    done
    echo ok
}

# Ends the server with a signal; fails if it does not end in time.
end() {
    runs && kill -s "$1" "$server"
    allow 20
    while runs; do
        in_time || return
    done
    server=
}

# The children of the server that are alive. (A dead one stays a zombie until the server, which is
# stopped, looks after it.)
children() {
    ps -A -o pid= -o ppid= -o stat= | while read -r pid parent state; do
        if [ "$parent" = "$server" ] && [ "${state#Z}" = "$state" ]; then
            echo "$pid"
        fi
    done
}

# Kills the server and all its children, as a crash of the machine would. The server is stopped
# before, so that it starts no other children, and killed last, when the children have let go of
# the shared memory: a new server refuses to start beside them.
crash() {
    [ -n "$server" ] || return 0
    kill -s STOP "$server"
    while left=$(children) && [ -n "$left" ]; do
        # shellcheck disable=SC2086 # They are several words.
        kill -s KILL $left
    done
    kill -s KILL "$server"
    wait "$server"
    server=
}

while read -r order argument; do
    case $order in
    initialise) initialise ;;
    copy) copy "$argument" ;;
    start) start "$argument" ;;
    fast)
        end INT || end QUIT || crash
        echo ok
        ;;
    immediate)
        end QUIT || crash
        echo ok
        ;;
    kill)
        if command -v ps >/dev/null; then
            crash
            echo ok
        else
            echo "ps is not installed (on Debian: sudo apt-get install procps)"
        fi
        ;;
    *) echo "no such order: $order" ;;
    esac
done

# Nobody needs the data any more, so there is no point in an orderly end.
end QUIT || crash
if [ -e "$data/postmaster.pid" ]; then
    # It was killed, and has left shared memory behind. PostgreSQL tidies up when it starts.
    "$programs/postgres" --single -D "$data" postgres </dev/null >>"$log" 2>&1
fi
rm -rf "$folder"
