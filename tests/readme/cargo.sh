# Stands in for cargo where a page is typed: what cargo would compile is there already.
#   cargo run [--release] [--example NAME] [-- ARGUMENTS...]
set -eu
program=poetryd
[ "$1" = run ] || { echo "cargo.sh: no page may ask for cargo $1" >&2; exit 2; }
shift
while [ $# -gt 0 ]; do
    case $1 in
        --example) program="EXAMPLES/$2"; shift ;;
        --) shift; break ;;
        --release | --quiet) ;;
        *) echo "cargo.sh: what is $1?" >&2; exit 2 ;;
    esac
    shift
done
exec "$program" "$@"
