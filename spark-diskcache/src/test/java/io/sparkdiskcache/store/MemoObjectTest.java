// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The bytes of a result by itself, which test_memo.py has as well. */
class MemoObjectTest {
  private static final String BYTES =
      "5344434d454d4f31000102030405060708090a0b0c0d0e0f1011121314151617"
          + "18191a1b1c1d1e1f0000018bcfe568007fffffffffffffff00000000075bcd15"
          + "3fd00000000000000000000264310000000361736b0000000132000000096d61"
          + "70732c7061696400000007412e620a432e64000000074bc3b66c6e1f37000000"
          + "0673000000014b8c2021b2";

  private static MemoObject example() {
    byte[] key = new byte[MemoKey.BYTES];
    for (int i = 0; i < key.length; i++) {
      key[i] = (byte) i;
    }
    return new MemoObject(
        MemoKey.of(key),
        new MemoFunction("d1", "ask", "2", "maps,paid", "A.b\nC.d"),
        MemoEntry.join(java.util.List.of("K\u00f6ln", "7")),
        new MemoResult(
            new byte[] {'s', 0, 0, 0, 1, 'K'},
            1_700_000_000_000L,
            MemoResult.NEVER,
            123_456_789,
            0.25));
  }

  @Test
  void isReadAsItIsWrittenByThisAndByPython() {
    byte[] bytes = HexFormat.of().parseHex(BYTES);
    assertArrayEquals(bytes, example().encode());
    MemoObject read = MemoObject.decode(bytes).orElseThrow();
    assertEquals(example().key(), read.key());
    assertEquals(example().function(), read.function());
    assertArrayEquals(example().result().value(), read.result().value());
    MemoEntry entry = read.entry();
    assertEquals("ask@2(K\u00f6ln, 7)", entry.description());
    assertEquals(Optional.empty(), entry.expires());
    assertEquals(1_700_000_000_000L, entry.createdAt().toEpochMilli());
  }

  @Test
  void everyPartAndEveryFlippedBitIsSeen() {
    byte[] bytes = example().encode();
    for (int length = 0; length < bytes.length; length++) {
      assertTrue(MemoObject.decode(Arrays.copyOf(bytes, length)).isEmpty(), "length " + length);
    }
    for (int bit = 0; bit < bytes.length * Byte.SIZE; bit++) {
      byte[] flipped = bytes.clone();
      flipped[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
      assertTrue(MemoObject.decode(flipped).isEmpty(), "bit " + bit);
    }
  }
}
