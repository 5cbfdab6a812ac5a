"""The tutorial's fast server; or, with "abort", one that resets the connection after the poem.

fast_server.py POEM [abort]
"""

import sys

from twisted.internet import protocol, reactor


class PoetryProtocol(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(self.factory.poem)
        if "abort" in sys.argv:
            # Once the poem is on its way.
            reactor.callLater(0.2, self.transport.abortConnection)
        else:
            self.transport.loseConnection()


class PoetryFactory(protocol.ServerFactory):
    protocol = PoetryProtocol


factory = PoetryFactory()
with open(sys.argv[1], "rb") as file:
    factory.poem = file.read()
port = reactor.listenTCP(0, factory, interface="127.0.0.1")
print(f"[twisted] listening on 127.0.0.1:{port.getHost().port}", flush=True)
reactor.run()
