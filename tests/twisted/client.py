"""A plain client: collects what the server says until the connection ends, and says how it ended.

client.py PORT
"""

import sys

from twisted.internet import protocol, reactor


class PoetryProtocol(protocol.Protocol):
    def connectionMade(self):
        self.poem = b""

    def dataReceived(self, data):
        self.poem += data

    def connectionLost(self, reason):
        sys.stdout.buffer.write(self.poem)
        sys.stdout.flush()
        print("ended with", reason.type.__name__, file=sys.stderr)
        reactor.stop()


class PoetryClientFactory(protocol.ClientFactory):
    protocol = PoetryProtocol

    def clientConnectionFailed(self, connector, reason):
        print("failed with", reason.type.__name__, file=sys.stderr)
        reactor.stop()


reactor.connectTCP("127.0.0.1", int(sys.argv[1]), PoetryClientFactory())
reactor.run()
