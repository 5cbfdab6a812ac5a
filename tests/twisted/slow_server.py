"""The tutorial's slow server.

slow_server.py POEM NUM-BYTES DELAY
"""

import sys

from twisted.internet import protocol, reactor
from twisted.internet.task import LoopingCall


class SlowProtocol(protocol.Protocol):
    def connectionMade(self):
        self.sent = 0
        self.sending = LoopingCall(self.send_part)
        self.sending.start(float(sys.argv[3]))

    def send_part(self):
        part = self.factory.poem[self.sent : self.sent + int(sys.argv[2])]
        if not part:
            self.sending.stop()
            self.transport.loseConnection()
        self.sent += len(part)
        self.transport.write(part)

    def connectionLost(self, reason):
        print("lost a client after", self.sent, flush=True)
        if self.sending.running:
            self.sending.stop()


class SlowFactory(protocol.ServerFactory):
    protocol = SlowProtocol


factory = SlowFactory()
with open(sys.argv[1], "rb") as file:
    factory.poem = file.read()
port = reactor.listenTCP(0, factory, interface="127.0.0.1")
print(f"[twisted] listening on 127.0.0.1:{port.getHost().port}", flush=True)
reactor.run()
