"""One service of OpenStack's control plane, in one process: services.py NAME PORT.

The services of Debian's packages as they are, but for how they are run. Where a
service is several processes that talk over a message bus, nova-api, -scheduler,
-conductor and -compute say, they run here as threads of one process, and the bus
is oslo.messaging's own in memory. So there is neither a message broker nor a
process that outlives its parent. Configuration is in NAME.conf in the working
directory.
"""

import os
import sys
import threading

NAME, PORT = sys.argv[1], int(sys.argv[2])
CONFIG = os.path.abspath(NAME + ".conf")
ARGS = [NAME, "--config-file", CONFIG]


def remember_tokens():
    """Has the services ask Keystone once for each token, as they do wherever
    they have a memcached to share what they know of tokens."""
    from keystonemiddleware import auth_token
    fetch, known = auth_token.AuthProtocol.fetch_token, {}

    def remembering(self, token, **arguments):
        if token not in known:
            known[token] = fetch(self, token, **arguments)
        return known[token]
    auth_token.AuthProtocol.fetch_token = remembering


def settle():
    """Has Python no longer look through all that was loaded for what can go."""
    import gc
    gc.collect()
    gc.freeze()
    gc.set_threshold(20000, 20, 20)


def serve(application):
    """Serves a WSGI application, a thread a request."""
    import socketserver
    from wsgiref import simple_server

    class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
        daemon_threads = True
        request_queue_size = 100

    class Handler(simple_server.WSGIRequestHandler):
        def address_string(self):
            return self.client_address[0]

    remember_tokens()
    settle()
    with simple_server.make_server("127.0.0.1", PORT, application, Server, Handler) as s:
        print("serving", NAME, "at", PORT, flush=True)
        s.serve_forever()


def launch(*services):
    """Runs services of oslo.service, as green threads of this process."""
    from oslo_config import cfg
    from oslo_service import service

    remember_tokens()
    launcher = service.ServiceLauncher(cfg.CONF, restart_method="mutate")
    for s in services:
        launcher.launch_service(s)
    settle()
    print("serving", NAME, "at", PORT, flush=True)
    launcher.wait()


def keystone():
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = CONFIG
    from keystone.server import wsgi
    sys.argv = [NAME]
    serve(wsgi.initialize_public_application())


def placement():
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = os.getcwd()
    from placement import wsgi
    serve(wsgi.init_application())


def glance():
    # Its own server takes bodies in chunks, which the one here does not.
    from glance.cmd import api
    sys.argv = ARGS
    remember_tokens()
    settle()
    print("serving", NAME, "at", PORT, flush=True)
    api.main()


def nova():
    from nova import monkey_patch  # noqa: the first of all
    import os_vif
    from oslo_log import log
    from nova import config, objects, service
    import nova.conf
    import hypervisor
    sys.modules["nova.virt.hypervisor"] = hypervisor  # where Nova looks for it
    config.parse_args(ARGS)
    log.setup(nova.conf.CONF, NAME)
    objects.register_all()
    os_vif.initialize()
    launch(service.Service.create(binary="nova-conductor"), service.Service.create(binary="nova-scheduler"),
           service.Service.create(binary="nova-compute"), service.WSGIService("osapi_compute"))


def cinder():
    from cinder.cmd import volume  # noqa: the first of all, and for its options
    from oslo_config import cfg
    from oslo_log import log
    from cinder.common import config
    from cinder import coordination, objects, rpc, service, version
    objects.register_all()
    cfg.CONF(ARGS[1:], project=NAME, version=version.version_string())
    config.set_middleware_defaults()
    log.setup(cfg.CONF, NAME)
    coordination.COORDINATOR.start()
    rpc.init(cfg.CONF)
    cfg.CONF.register_opt(volume.host_opt, group="lab")
    launch(service.Service.create(binary="cinder-scheduler"),
           service.Service.create(binary="cinder-volume", host=cfg.CONF.host + "@lab", service_name="lab", coordination=True),
           service.WSGIService("osapi_volume"))


def neutron():
    from neutron.common import config
    from oslo_config import cfg
    from neutron.common import profiler, utils
    # A green thread would never have its turn here; and what Neutron does in one is to tell
    # Nova of addresses, which otherwise looks for them once a minute.
    utils.spawn_n = lambda f, *args, **kwargs: threading.Thread(target=f, args=args, kwargs=kwargs, daemon=True).start()
    config.register_common_config_options()
    config.init(ARGS[1:])
    config.setup_logging()
    config.set_config_defaults()
    app = config.load_paste_app(NAME)
    profiler.setup("neutron-server", cfg.CONF.host)
    serve(app)


def octavia():
    from octavia.api import app
    import balancing
    application = app.setup_app(argv=ARGS)

    def noticed(environ, start_response):
        answer = application(environ, start_response)
        balancing.asked.set()
        return answer
    serve(noticed)


{f.__name__: f for f in (keystone, placement, glance, nova, cinder, neutron, octavia)}[NAME]()
