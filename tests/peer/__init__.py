"""An independent stand-in for Telegram's Bot API: the npm package telegram-test-api, run by Node.js."""

from tests.peer.people import PeerChat, PeerMessage, PeerPerson
from tests.peer.server import Peer, running

__all__ = ["Peer", "PeerChat", "PeerMessage", "PeerPerson", "running"]
