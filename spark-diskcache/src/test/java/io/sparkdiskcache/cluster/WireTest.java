// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class WireTest {
  private static final Map<Class<?>, Object> SAMPLES =
      Map.of(
          String.class,
          "text",
          int.class,
          7,
          long.class,
          -7L,
          boolean.class,
          true,
          long[].class,
          new long[] {1, -2},
          int[].class,
          new int[] {3});

  /** By type; lists and maps hold what the record's own components need. */
  private static Object sample(RecordComponent component) throws ReflectiveOperationException {
    Class<?> type = component.getType();
    if (type.isRecord()) {
      return sample(type);
    }
    if (type == List.class) {
      String element = component.getGenericType().getTypeName().replaceAll(".*<|>", "");
      return List.of(sample(Class.forName(element)), sample(Class.forName(element)));
    }
    if (type == Map.class) {
      return component.getGenericType().getTypeName().contains("Due")
          ? Map.of("g", new SetFills.Due(SetFills.Order.ABANDON, 3))
          : Map.of("a", "b");
    }
    assertThat(SAMPLES).as("a sample of a component").containsKey(type);
    return SAMPLES.get(type);
  }

  private static Object sample(Class<?> type) throws ReflectiveOperationException {
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = sample(components[i]);
    }
    Constructor<?> canonical =
        type.getDeclaredConstructor(
            Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new));
    canonical.setAccessible(true);
    return canonical.newInstance(values);
  }

  private static boolean isOfTheJdk(Object value) {
    return value instanceof Object[] array
        ? Arrays.stream(array).allMatch(WireTest::isOfTheJdk)
        : value instanceof List<?> list
            ? list.stream().allMatch(WireTest::isOfTheJdk)
            : value instanceof Map<?, ?> map
                ? map.values().stream().allMatch(WireTest::isOfTheJdk)
                : value.getClass().getClassLoader() == null;
  }

  @Test
  void everyMessageComesBackAndIsMadeOfTheJdk() throws Exception {
    Class<?>[] messages = Message.class.getPermittedSubclasses();
    assertThat(messages).hasSizeGreaterThan(15);
    for (Class<?> type : messages) {
      Object message = sample(type);
      Object encoded = Wire.encode(message);
      assertThat(isOfTheJdk(encoded)).as(type.getName()).isTrue();
      assertThat(Wire.decode(encoded)).usingRecursiveComparison().isEqualTo(message);
    }
  }

  @Test
  void answersComeBack() throws Exception {
    for (Object answer :
        List.of(
            sample(Message.Orders.class), SetFills.Stored.LAST, true, new byte[] {1}, List.of())) {
      assertThat(Wire.decode(Wire.encode(answer))).usingRecursiveComparison().isEqualTo(answer);
    }
  }

  @Test
  void nothingElseIsMade() {
    assertThatThrownBy(() -> Wire.decode(new Object[] {"HostInventory"}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Wire.decode(new Object[] {"../store.Key", "aa"}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Wire.encode(Thread.State.NEW))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
