"""What a machine with too much to do leaves out, so that all cameras lose alike and what is left is still analysed.

Decoding runs before inference, in a thread for each camera: where both compete, the scheduler serves those many small threads
first, and inference gets what is left, which soon is nothing. So decoding must give way. A predicted picture needs all those
before it, hence only the rest of a group of pictures can be left out. No clock is read here: moments come in as arguments.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

Camera = TypeVar("Camera", bound=Hashable)

LEAST_RATE = 5.0  # analyses a second; first the rate falls to this, and only then are pictures not decoded
SPARE = 0.05  # the share of wanted pictures that nobody took, at which nothing changes
GAIN, RECOVERY = 0.4, 0.03  # of the share, each second
CALM, HURRY = 3, 4  # after so many calm updates the overload is over, and the share comes back so many times as fast
LEAST_SHARE = 0.05  # key frames are decoded always
BEHIND_S = 0.5  # under overload, who reads so much later than the camera sends begins anew at its next key frame
JUMP_S = 30.0  # so far behind is nobody: the camera's clock was set
LEAP_S = 1.0  # so much more than time went by between two packets, or so far back: their stamps say something else from here on
HALF_S, TURN = 3.0, 0.2  # the time in which half of what a camera got is forgotten; of a difference, each second
LIGHTEST, HEAVIEST = 0.5, 2.0
DRIFT = 5e-3  # seconds a second: clocks part, and a network that has become slower is not our lateness


class Pace:
    """How large a part of each group of pictures is decoded. share: 0.05..1."""

    def __init__(self) -> None:
        self.share = 1.0
        self._calm = 1  # updates in a row

    def update(self, served: Iterable[tuple[int, int]], seconds: float) -> float:
        """served: of each camera the pictures taken and dropped in the last `seconds`. The new share."""
        wanted = got = 0.0
        for taken, dropped in served:
            enough = min(taken + dropped, LEAST_RATE * seconds)
            wanted += enough
            got += min(taken, enough)
        short = 1 - got / wanted if wanted else 0.0
        if short <= SPARE:
            self._calm += 1
            self.share = min(1.0, self.share + RECOVERY * seconds * (HURRY if self._calm > CALM else 1))
            return self.share
        if not self._calm:  # once may be a hiccup
            self.share = max(LEAST_SHARE, self.share * (1 - min(GAIN * seconds, 1) * (short - SPARE)))
        self._calm = 0
        return self.share


class Balance(Generic[Camera]):
    """Which camera's part is to be larger or smaller than the others', so that all are analysed alike.

    The same part for all does not do that: it is decoded from the key frame on, and whose key frames come together with many
    others' finds less time for them, for hours.
    """

    def __init__(self) -> None:
        self._served: dict[Camera, float] = {}
        self._weights: dict[Camera, float] = {}

    def update(self, served: Mapping[Camera, float], seconds: float) -> dict[Camera, float]:
        """served: how much of what it wants each camera got in the last `seconds`, of those that leave pictures out.
        Answers by how much each one's share of a group differs from the common one, about 1.
        """
        old = 0.5 ** (seconds / HALF_S)
        self._served = {c: old * self._served.get(c, got) + (1 - old) * got for c, got in served.items()}
        mean = sum(self._served.values()) / len(self._served) if self._served else 0.0
        turn = min(1.0, TURN * seconds)
        weights = {
            c: self._weights.get(c, 1.0) * (1 + turn * max(-1.0, min(1.0, 1 - got / mean if mean else 0.0)))
            for c, got in self._served.items()
        }
        middle = sum(weights.values()) / len(weights) if weights else 1.0
        self._weights = {c: min(max(weight / middle, LIGHTEST), HEAVIEST) for c, weight in weights.items()}
        return self._weights


class Shedding:
    """Which packets of one camera are not decoded. Never a key frame, and what follows a gap waits for the next one.

    leaving: nothing until then will be decoded.
    """

    def __init__(self) -> None:
        self._place = self._length = 0
        self.leaving = False

    def leaves_out(self, *, key: bool, share: float, behind: float) -> bool:
        """Call it for each packet. share: of a group of pictures that is to be decoded. behind: seconds, see Delay."""
        if key:
            self._length, self._place, self.leaving = self._place, 0, False
        self._place += 1
        if key or not self._length:  # where no key frame ever comes, nothing can be left out
            return False
        # Late packets alone may be the network's doing: then they are soon decoded.
        self.leaving |= share < 1 and (self._place > share * self._length or behind > BEHIND_S)
        return self.leaving


class Delay:
    """How much later a camera's packets are read than the promptest of them, by their own stamps.

    drift: seconds a second by which the promptest is taken to have been later. A stamp that leaps begins anew.
    """

    def __init__(self, drift: float = DRIFT) -> None:
        self._least: float | None = None
        self._last = (0.0, 0.0)
        self._drift = drift

    def behind(self, arrived: float, stamp: float | None) -> float:
        """Seconds; 0 where that is not known. arrived: monotonic seconds; stamp: the stream's."""
        if stamp is None:
            return 0.0
        lead, (before, mark) = arrived - stamp, self._last
        passed, self._last = max(arrived - before, 0.0), (arrived, stamp)
        least = self._least
        if least is None or lead - least > JUMP_S or stamp < mark - LEAP_S or stamp - mark > passed + LEAP_S:
            least = lead
        self._least = min(least + self._drift * passed, lead)
        return lead - self._least
