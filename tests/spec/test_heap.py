"""The client's objects: what making one more leaves as it was."""

from spec.heap import Hand, Heap, Object, new_heap, new_object
from spec.ops import Contents, Key, Ref


def test_a_new_object_comes_last_and_the_hand_keeps_what_it_holds() -> None:
    hand = Hand(Contents(5), ("pool", Key(1)))
    before = Heap(new_heap(2).objects, hand)
    after, ref = new_object(before, Contents(7))
    assert ref == Ref(2)
    assert after == Heap((*before.objects, Object(Contents(7))), hand)
