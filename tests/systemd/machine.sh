#!/usr/bin/env bash
# Boots a systemd of its own, in a container over a view of this machine's file system in which everything
# can be written and nothing is kept. Runs until the container ends. Tells $NOTIFY_SOCKET when it is up.
#
#   machine.sh NAME      as root, with Debian's systemd-container
set -euo pipefail
name=$1

# cgroups of its own: containers that share one would end each other's services. On a machine with
# cgroups of both versions there are two trees that systemd uses.
cgroups=()
for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -w "$tree/cgroup.procs" ] || continue
    cgroups+=("$tree/$name")
    mkdir "$tree/$name"
    echo $$ > "$tree/$name/cgroup.procs"
done
remove_cgroups() {
    for cgroup in "${cgroups[@]}"; do
        echo $$ > "${cgroup%/*}/cgroup.procs"
        find "$cgroup" -depth -type d -exec rmdir {} + || true
    done
}
trap remove_cgroups EXIT

# Nobody else sees the mounts made here, and they go when this process goes.
# nspawn refuses / itself, but takes it under another name. Whatever it leaves in /run vanishes too.
unshare --mount --propagation private bash -euc '
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir /run/root
    mount --bind / /run/root
    export TMPDIR=/run
    exec setpriv --pdeathsig KILL systemd-nspawn --quiet --directory=/run/root --volatile=overlay \
        --machine="$0" --private-network --register=no --keep-unit --link-journal=no \
        --console=pipe --notify-ready=yes --boot systemd.unit=basic.target systemd.firstboot=off
' "$name" || true  # it was killed: that is how it ends
