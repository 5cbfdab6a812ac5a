"""The tutorial's transform server.

transform_server.py
"""

from twisted.internet import protocol, reactor
from twisted.protocols.basic import NetstringReceiver


class TransformProtocol(NetstringReceiver):
    MAX_LENGTH = 16_000_000

    def stringReceived(self, request):
        if b"." not in request:  # bad request
            self.transport.loseConnection()
            return
        name, poem = request.split(b".", 1)
        if name == b"cummingsify":
            self.sendString(poem.lower())
        self.transport.loseConnection()


class TransformFactory(protocol.ServerFactory):
    protocol = TransformProtocol


port = reactor.listenTCP(0, TransformFactory(), interface="127.0.0.1")
print(f"[twisted] listening on 127.0.0.1:{port.getHost().port}", flush=True)
reactor.run()
