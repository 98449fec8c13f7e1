# A Swift of one node in the folder that this runs in:
# bash swift.sh ADDRESS OBJECT-PORT CONTAINER-PORT ACCOUNT-PORT MEMCACHED-PORT KEY [KEYSTONE]
# Users log in at the proxy with KEY; or they are Keystone's, whose administrator's password KEY is then.
# It ends when one of its daemons does, and they end with it.
set -euo pipefail
address=$1 object=$2 container=$3 account=$4 memcached=$5 key=$6 keystone=${7-}
if (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; then echo "$address: address already in use"; exit 1; fi
mkdir -p dev/d1 etc

cat >etc/swift.conf <<X
[swift-hash]
swift_hash_path_prefix = lab
swift_hash_path_suffix = lab
[storage-policy:0]
name = gold
default = yes
X

# The rings, in one process: the command takes a second for each step.
/usr/bin/python3 - object "$object" container "$container" account "$account" <<'X'
import sys
from swift.common.ring import RingBuilder
for name, port in zip(sys.argv[1::2], sys.argv[2::2]):
    ring = RingBuilder(2, 1, 0)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port), "device": "d1", "weight": 1, "meta": ""})
    ring.rebalance(seed=1)
    ring.get_ring().save("etc/%s.ring.gz" % name)
X

common="user = $(id -un)
swift_dir = $PWD/etc
workers = 0
log_level = WARNING"

# A daemon that outlived this shell would keep its port.
daemon() { setpriv --pdeathsig KILL "$@" & }

daemon memcached -u "$(id -un)" -l 127.0.0.1 -p "$memcached" -m 16
for server in "object $object" "container $container" "account $account"; do
	set -- $server
	cat >"etc/$1.conf" <<X
[DEFAULT]
devices = $PWD/dev
mount_check = false
bind_ip = 127.0.0.1
bind_port = $2
fallocate_reserve = 0
disable_fallocate = true
$common
log_name = $1
# On a busy machine too a list shows what was written before it is asked for: nothing here would make up for it later.
container_update_timeout = 60
conn_timeout = 30
node_timeout = 60
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
X
	daemon /usr/bin/python3 "$(command -v "swift-$1-server")" "etc/$1.conf"
done

auth=tempauth
[ -z "$keystone" ] || auth="authtoken keystoneauth"
filters="catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl $auth copy slo dlo versioned_writes symlink"
{
	cat <<X
[DEFAULT]
bind_ip = ${address%:*}
bind_port = ${address##*:}
$common
[pipeline:main]
pipeline = $filters proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 30
node_timeout = 60
allow_account_management = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$memcached
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
X
	if [ -z "$keystone" ]; then
		cat <<X
[filter:tempauth]
use = egg:swift#tempauth
user_lab_lab = $key .admin
user_lab_guest = $key
storage_url_scheme = http
X
	else
		cat <<X
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = $keystone
auth_url = $keystone
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = admin
username = admin
password = $key
interface = public
delay_auth_decision = true
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
X
	fi
	for filter in $filters; do
		case $filter in tempauth | authtoken | keystoneauth | cache | versioned_writes) ;; *) printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "$filter" ;; esac
	done
} >etc/proxy.conf
# The proxy does without a server for a minute that did not answer it.
for port in "$memcached" "$object" "$container" "$account"; do
	until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
done
daemon /usr/bin/python3 "$(command -v swift-proxy-server)" etc/proxy.conf
until curl -sf "http://$address/healthcheck" >/dev/null; do sleep 0.1; done
echo "ready at $address"
wait -n
