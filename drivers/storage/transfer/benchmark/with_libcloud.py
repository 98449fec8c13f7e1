"""What a user of libcloud writes to move a folder: one object after the other, as the
library has it. Its driver is not thread-safe."""
import itertools
import os
import sys
from urllib.parse import urlparse

from libcloud.storage.providers import get_driver
from libcloud.storage.types import Provider

endpoint, do, bucket, folder, out, most = sys.argv[1:]
url = urlparse(endpoint)
driver = get_driver(Provider.MINIO)(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
                                    host=url.hostname, port=url.port, secure=False)
bucket = driver.get_container(bucket)
if do == "upload":
    files = [os.path.join(top, f) for top, _, names in os.walk(folder) for f in names]
    for path in files[:int(most)]:
        driver.upload_object(path, bucket, "set/" + os.path.relpath(path, folder))
elif do == "download":
    os.makedirs(out, exist_ok=True)
    for obj in itertools.islice(bucket.list_objects(prefix="set/"), int(most)):
        driver.download_object(obj, os.path.join(out, obj.name.replace("/", "_")), overwrite_existing=True)
else:
    for obj in driver.iterate_container_objects(bucket):
        print(obj.name, obj.size)
