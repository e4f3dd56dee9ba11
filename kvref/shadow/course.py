"""One pool's histories, as they are followed or not."""

from collections import OrderedDict


class Course:
    """One history in `every` is followed, the first among them.

    `follows`: this history is, as far as it has come. `told`: the cache that does not answer has
    been told of something since it was last emptied.
    """

    def __init__(self, every: int, longest: int) -> None:
        self._every, self._longest = every, longest
        self._number = -1
        self.told = False
        self._contents = OrderedDict[int, object]()
        self.begins()

    def begins(self) -> None:
        """The next history, of an empty pool."""
        self._number += 1
        self.follows = self._number % self._every == 0
        self._steps = 0
        self._contents.clear()

    def goes_on(self) -> bool:
        """Whether one more operation is to be followed."""
        if not self.follows:
            return False
        self._steps += 1
        if self._every > 1 and self._steps > self._longest:
            self.follows = False
            return False
        self.told = True
        return True

    def stop(self) -> None:
        """No more of this history."""
        self.follows = False
        self.told = True

    def remember(self, key: int, contents: object) -> None:
        """What a value held when it was set under a key; those set long ago are forgotten."""
        self._contents[key] = contents
        self._contents.move_to_end(key)
        if len(self._contents) > self._longest:
            self._contents.popitem(last=False)

    def due(self, key: int) -> object:
        """What a get of this key should find; None if nobody knows."""
        return self._contents.get(key)
