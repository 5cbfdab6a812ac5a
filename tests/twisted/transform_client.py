"""Has a poem, which comes from standard input, transformed. It never closes first.

transform_client.py PORT NAME
"""

import sys

from twisted.internet import protocol, reactor
from twisted.protocols.basic import NetstringReceiver


class TransformProtocol(NetstringReceiver):
    MAX_LENGTH = 16_000_000

    def connectionMade(self):
        poem = sys.stdin.buffer.read()
        self.sendString(sys.argv[2].encode() + b"." + poem)

    def stringReceived(self, poem):
        sys.stdout.buffer.write(poem)
        sys.stdout.flush()
        print("answered", file=sys.stderr)

    def connectionLost(self, reason):
        print("ended with", reason.type.__name__, file=sys.stderr)
        reactor.stop()


class TransformFactory(protocol.ClientFactory):
    protocol = TransformProtocol


reactor.connectTCP("127.0.0.1", int(sys.argv[1]), TransformFactory())
reactor.run()
