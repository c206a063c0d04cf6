#!/bin/bash
# The guest's first process. One line carries the command's input and output, another its exit
# status.
export PATH=/skb/in:/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
read -r cmdline < /proc/cmdline
for word in $cmdline; do
	case $word in
	skb.command=*) command=/dev/${word#*=} ;;
	skb.status=*) result=/dev/${word#*=} ;;
	skb.date=*) date -s "@${word#*=}" > /dev/null ;;
	skb.net) net=yes ;;
	skb.tty=*) IFS=x read -r rows columns <<< "${word#*=}" ;;
	esac
done
echo up > "$result"
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd # for <(...) of bash
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/netns
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t securityfs securityfs /sys/kernel/security
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo guest > /proc/sys/kernel/hostname
echo 1 > /proc/sys/kernel/panic_on_oops
ip link set lo up
[ -z "$net" ] || { modprobe virtio_pci; modprobe virtio_net; }
cd /skb/in || exit
stty -F "$command" raw -echo
if [ -n "$rows" ]; then
	# A shell at the terminal.
	ip netns add peer
	ip link add skb0 type veth peer name skb1 netns peer
	ip addr add 10.0.0.1/24 dev skb0
	ip link set skb0 up
	ip -n peer addr add 10.0.0.2/24 dev skb1
	ip -n peer link set skb1 up
	ip -n peer link set lo up
	stty -F "$command" sane rows "$rows" cols "$columns"
	cd /root || exit
	setsid -c bash -i < "$command" > "$command" 2>&1
	status=$?
else
	# shellcheck disable=SC1091
	bash /skb/command < /dev/null > "$command" 2>&1
	status=$?
fi
if [ -b /dev/vda ] || { modprobe virtio_pci; modprobe virtio_blk; [ -b /dev/vda ]; }; then
	tar -C /skb/out -cf /dev/vda . && sync
fi
echo "status $status" > "$result"
echo o > /proc/sysrq-trigger
sleep 60
