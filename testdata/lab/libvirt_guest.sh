# Builds the guest that libvirt's tests boot, in the current folder: guest.qcow2,
# a disk that boots by itself, and guest.vmlinuz with guest.initrd, which are the
# same system without a disk. It is Debian's cloud kernel with busybox, dropbear
# and OpenSSH's SFTP server in memory, there in seconds without KVM.
#
# It does of cloud-init what tests need: the host name and the public keys of
# NoCloud's meta-data, a script or the runcmd of #cloud-config as user data, once
# a disk; and it writes its host keys to the console as cloud-init does.
set -eu
mkdir debs x root
cd debs
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)
apt-get download -qq "linux-image-$kernel" busybox-static dropbear-bin libtomcrypt1 libtommath1 openssh-sftp-server syslinux mtools
for d in *.deb; do dpkg -x "$d" ../x; done
cd ..
cp "x/boot/vmlinuz-$kernel" guest.vmlinuz

cd root
mkdir -p bin sbin dev proc sys run tmp etc/acpi/PWRF etc/dropbear root/.ssh modules lib/x86_64-linux-gnu lib64 usr/lib usr/share/udhcpc disk seed srv
cp ../x/bin/busybox bin/
ln -s busybox bin/sh
cp ../x/usr/sbin/dropbear sbin/
cp ../x/usr/bin/dropbearkey bin/
cp ../x/usr/lib/openssh/sftp-server usr/lib/
for l in $(LD_LIBRARY_PATH=../x/usr/lib/x86_64-linux-gnu ldd sbin/dropbear bin/dropbearkey usr/lib/sftp-server | grep -oE '[^ ]*/[^ ]+\.so[^ ]*' | sort -u); do
	case $l in *:) ;; *) cp -L "$l" lib/x86_64-linux-gnu/ ;; esac
done
cp -L /lib64/ld-linux-x86-64.so.2 lib64/
cp -L /lib/x86_64-linux-gnu/libnss_files.so.2 lib/x86_64-linux-gnu/
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net virtio_blk button evdev
	virtio-rng scsi_common scsi_mod virtio_scsi cdrom sr_mod isofs fat vfat nls_cp437 nls_ascii"
for m in $modules; do cp "$(find ../x/lib/modules -name "$m.ko")" modules/; done
echo 'root::0:0:root:/root:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
echo /bin/sh >etc/shells
chmod 700 root root/.ssh

cat >usr/share/udhcpc/default.script <<'END'
#!/bin/sh
case "$1" in
bound | renew)
	ip addr add "$ip/${mask:-24}" dev "$interface"
	[ -z "$router" ] || ip route add default via "$router"
	[ -z "$dns" ] || for d in $dns; do echo "nameserver $d"; done >/etc/resolv.conf
	;;
esac
END
printf '#!/bin/sh\nsync\numount /disk\npoweroff -f\n' >etc/acpi/PWRF/00000080

cat >bin/cloud-init <<'END'
#!/bin/sh
# cloud-init status [--wait] [--long]
while [ ! -e /run/cloud-init.done ]; do sleep 0.2; done
echo "status: $(cat /run/cloud-init.done)"
[ "$(cat /run/cloud-init.done)" = done ]
END

cat >etc/user-data <<'END'
#!/bin/sh
# Runs what the user data says, unless this disk has seen it.
id=$(sed -n 's/^instance-id: *//p' /seed/meta-data)
result=done
if [ "$id" != "$(cat /disk/instance 2>/dev/null)" ]; then
	case "$(head -c 20 /seed/user-data)" in
	'#!'*) cp /seed/user-data /run/user-data ;;
	'#cloud-config'*)
		{
			echo '#!/bin/sh'
			# The lines of runcmd, be they text or lists of words.
			sed -n '/^runcmd:/,/^[a-z_]*:/{s/^ *- *//p}' /seed/user-data | while read -r line; do
				case $line in
				'['*) echo "$line" | sed 's/^\[//; s/\]$//; s/", *"/" "/g' ;;
				'"'*'"') echo "$line" | sed 's/^"//; s/"$//; s/\\"/"/g' ;;
				"'"*"'") echo "$line" | sed "s/^'//; s/'\$//; s/''/'/g" ;;
				*) echo "$line" ;;
				esac
			done
		} >/run/user-data
		;;
	esac
	if [ -e /run/user-data ]; then
		chmod 755 /run/user-data
		/run/user-data </dev/null >/run/user-data.log 2>&1 || result=error
	fi
	echo "$id" >/disk/instance
	sync
fi
echo $result >/run/cloud-init.done
END

cat >init <<END
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for m in $(echo $modules); do insmod /modules/\$m.ko; done
acpid -d -c /etc/acpi >/dev/null 2>&1 &
ip link set lo up
# What is to last is on the first disk.
[ ! -e /dev/vda ] || mount -t vfat /dev/vda /disk 2>/dev/null || mount -t ext4 /dev/vda /disk 2>/dev/null ||
	{ mke2fs /dev/vda >/dev/null 2>&1 && mount -t ext4 /dev/vda /disk; }
mount -t iso9660 -o ro /dev/sr0 /seed 2>/dev/null
[ -e /seed/meta-data ] || { mkdir -p /run/seed && printf 'instance-id: none\nlocal-hostname: guest\n' >/run/seed/meta-data && touch /run/seed/user-data && mount --bind /run/seed /seed; }
hostname "\$(sed -n 's/^local-hostname: *//p' /seed/meta-data | tr -d '"')"
sed -n 's/^ *- *"\{0,1\}\(\(ssh\|ecdsa\|sk\)-[^"]*\)"\{0,1\}\$/\1/p' /seed/meta-data >/root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
[ -e /disk/hostkey ] || { dropbearkey -t ed25519 -f /disk/hostkey >/dev/null 2>&1; sync; }
cp /disk/hostkey /etc/dropbear/dropbear_ed25519_host_key
chmod 600 /etc/dropbear/dropbear_ed25519_host_key
echo '-----BEGIN SSH HOST KEY KEYS-----'
dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key | grep '^ssh-'
echo '-----END SSH HOST KEY KEYS-----'
for n in /sys/class/net/eth*; do
	[ ! -e \$n ] || { ip link set \${n##*/} up; udhcpc -i \${n##*/} -x hostname:"\$(hostname)" -t 20 -T 1 -n -q -s /usr/share/udhcpc/default.script >/dev/null 2>&1; }
done
dropbear -E -s 2>/dev/null
echo "GUEST READY \$(hostname) after \$(cut -d' ' -f1 /proc/uptime)"
setsid /etc/user-data &
while :; do sleep 3600; done
END
chmod 755 init bin/cloud-init etc/user-data etc/acpi/PWRF/00000080 usr/share/udhcpc/default.script
find . | ../x/bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 >../guest.initrd
cd ..

# The disk is one FAT file system, which SYSLINUX boots.
export PATH="$PWD/x/usr/bin:$PATH" MTOOLS_SKIP_CHECK=1
truncate -s 64M guest.raw
mformat -i guest.raw -F -h 64 -s 32 -t 64 -c 1 ::
cat >syslinux.cfg <<'END'
SERIAL 0 115200
DEFAULT guest
PROMPT 0
LABEL guest
  KERNEL vmlinuz
  APPEND initrd=initrd console=ttyS0 panic=5 quiet mitigations=off nokaslr cryptomgr.notests lsm=none audit=0
END
mcopy -i guest.raw guest.vmlinuz ::vmlinuz
mcopy -i guest.raw guest.initrd ::initrd
mcopy -i guest.raw syslinux.cfg ::syslinux.cfg
syslinux guest.raw
qemu-img convert -O qcow2 guest.raw guest.qcow2
rm -r debs x root guest.raw syslinux.cfg
