# A Ceph of one node with the RADOS Gateway, in the folder that this runs in:
# bash ceph.sh ADDRESS MONITOR-ADDRESS KEY SECRET. It ends when one of its
# daemons does, and they end with it.
set -euo pipefail
address=$1 monitor=$2 key=$3 secret=$4
if (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; then echo "$address: address already in use"; exit 1; fi

cat >ceph.conf <<X
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v1:$monitor
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
ms bind msgr2 = false
run dir = $PWD
log file = /dev/null
log to stderr = true
err to stderr = true
admin socket = $PWD/\$name.asok
pid file = $PWD/\$name.pid
osd objectstore = memstore
memstore device bytes = 4294967296
osd data = $PWD/osd
mon data = $PWD/mon
mgr data = $PWD/mgr
[client.rgw]
rgw frontends = beast endpoint=$address
rgw enable usage log = false
rgw thread pool size = 64
rgw dynamic resharding = false
rgw swift versioning enabled = true
X
export CEPH_CONF=$PWD/ceph.conf
mkdir mon mgr osd

# A daemon that outlived this shell would keep its port and its memory.
daemon() { setpriv --pdeathsig KILL "$@" & }

monmaptool --create --fsid "$(sed -n 's/^fsid = //p' ceph.conf)" --addv a "[v1:$monitor]" monmap >/dev/null
ceph-mon --mkfs -i a --monmap monmap
daemon ceph-mon -f -i a
daemon ceph-mgr -f -i x
uuid=$(cat /proc/sys/kernel/random/uuid)
id=$(timeout 60 ceph osd new "$uuid")
ceph-osd -i "$id" --mkfs --osd-uuid "$uuid"
# Once it has its configuration from the monitor, it forgets the fsid that stands in
# the file, and may be refused before it learns it again.
daemon ceph-osd -f -i "$id" --no-mon-config
daemon radosgw -f -n client.rgw
until curl -sf "http://$address/" >/dev/null; do
	[ "$(jobs -rp | wc -l)" = 4 ] # none has ended
	sleep 0.1
done
radosgw-admin user create --uid lab --display-name lab --access-key "$key" --secret-key "$secret" >/dev/null
radosgw-admin subuser create --uid lab --subuser lab:swift --access full --key-type swift --secret "$secret" >/dev/null
echo "ready at $address"
wait -n
