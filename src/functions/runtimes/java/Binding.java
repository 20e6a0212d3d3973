package virga.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Between JSON and the classes of a function: scalars, strings, enums, dates as milliseconds, arrays, collections, maps, records, and beans with a
 * constructor without parameters, setters and getters, or public fields. What is none of these is refused by its name.
 *
 * @see <a href="https://docs.aws.amazon.com/lambda/latest/dg/java-handler.html">Define Lambda function handler in Java</a>
 */
final class Binding {
  private Binding() {}

  /** @param value as {@link Json#parse} gives it */
  static Object read(Object value, Type type) throws Exception {
    if (type instanceof TypeVariable) return read(value, ((TypeVariable<?>) type).getBounds()[0]);
    if (type instanceof WildcardType) return read(value, ((WildcardType) type).getUpperBounds()[0]);
    if (type instanceof GenericArrayType) return array(value, ((GenericArrayType) type).getGenericComponentType());
    if (type instanceof ParameterizedType) {
      ParameterizedType parameterized = (ParameterizedType) type;
      return object(value, (Class<?>) parameterized.getRawType(), parameterized.getActualTypeArguments());
    }
    return object(value, (Class<?>) type, new Type[0]);
  }

  private static Object object(Object value, Class<?> type, Type[] arguments) throws Exception {
    if (type == Object.class) return value;
    if (value == null) return type.isPrimitive() ? primitive(0, type) : null;
    if (type == String.class) {
      if (value instanceof Map || value instanceof List) throw mismatch(value, type);
      return value.toString();
    }
    if (type == boolean.class || type == Boolean.class) {
      if (value instanceof Boolean) return value;
      throw mismatch(value, type);
    }
    if (type.isPrimitive() || Number.class.isAssignableFrom(type) || type == Character.class) return primitive(value, type);
    if (type.isEnum()) return constant(String.valueOf(value), type);
    if (type == Date.class && value instanceof Number) return new Date(((Number) value).longValue());
    if (type == byte[].class && value instanceof String) return Base64.getDecoder().decode((String) value);
    if (type.isArray()) return array(value, type.getComponentType());
    if (Collection.class.isAssignableFrom(type) || type == Iterable.class) return collection(value, type, arguments);
    if (Map.class.isAssignableFrom(type)) return map(value, type, arguments);
    if (!(value instanceof Map)) throw mismatch(value, type);
    return isRecord(type) ? record(members(value), type) : bean(members(value), type);
  }

  private static Object primitive(Object value, Class<?> type) {
    if (type == char.class || type == Character.class) return value.toString().charAt(0);
    BigDecimal number;
    try {
      number = new BigDecimal(value.toString());
    } catch (NumberFormatException error) {
      throw mismatch(value, type);
    }
    if (type == double.class || type == Double.class || type == Number.class) return number.doubleValue();
    if (type == float.class || type == Float.class) return number.floatValue();
    if (type == BigDecimal.class) return number;
    BigInteger whole = number.toBigInteger();
    if (type == BigInteger.class) return whole;
    if (type == long.class || type == Long.class) return whole.longValueExact();
    if (type == int.class || type == Integer.class) return whole.intValueExact();
    if (type == short.class || type == Short.class) return whole.shortValueExact();
    if (type == byte.class || type == Byte.class) return whole.byteValueExact();
    if (type == boolean.class) return false;
    throw mismatch(value, type);
  }

  private static Object constant(String name, Class<?> type) {
    for (Object candidate : type.getEnumConstants()) if (((Enum<?>) candidate).name().equals(name)) return candidate;
    throw mismatch(name, type);
  }

  private static Object array(Object value, Type component) throws Exception {
    if (value == null) return null;
    if (!(value instanceof List)) throw new IllegalArgumentException("expected an array of " + component.getTypeName());
    List<?> items = (List<?>) value;
    Object result = Array.newInstance(raw(component), items.size());
    for (int i = 0; i < items.size(); i++) Array.set(result, i, read(items.get(i), component));
    return result;
  }

  private static Object collection(Object value, Class<?> type, Type[] arguments) throws Exception {
    if (!(value instanceof List)) throw mismatch(value, type);
    Collection<Object> result;
    if (type.isAssignableFrom(ArrayList.class)) result = new ArrayList<>();
    else if (type.isAssignableFrom(LinkedHashSet.class) || type == Set.class) result = new LinkedHashSet<>();
    else result = cast(make(type));
    for (Object item : (List<?>) value) result.add(read(item, arguments.length == 1 ? arguments[0] : Object.class));
    return result;
  }

  private static Object map(Object value, Class<?> type, Type[] arguments) throws Exception {
    Map<Object, Object> result = type.isAssignableFrom(LinkedHashMap.class) ? new LinkedHashMap<>() : cast(make(type));
    boolean typed = arguments.length == 2;
    for (Map.Entry<String, Object> entry : members(value).entrySet())
      result.put(
          typed ? read(entry.getKey(), arguments[0]) : entry.getKey(),
          read(entry.getValue(), typed ? arguments[1] : Object.class));
    return result;
  }

  private static Object record(Map<String, Object> members, Class<?> type) throws Exception {
    Object[] components = (Object[]) Class.class.getMethod("getRecordComponents").invoke(type);
    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      Class<?> component = components[i].getClass();
      types[i] = (Class<?>) component.getMethod("getType").invoke(components[i]);
      Type generic = (Type) component.getMethod("getGenericType").invoke(components[i]);
      values[i] = read(members.get((String) component.getMethod("getName").invoke(components[i])), generic);
    }
    Constructor<?> constructor = type.getDeclaredConstructor(types);
    constructor.setAccessible(true);
    return constructor.newInstance(values);
  }

  /** Unknown members are passed over, as AWS's serializer does. */
  private static Object bean(Map<String, Object> members, Class<?> type) throws Exception {
    Object bean = make(type);
    for (Map.Entry<String, Object> member : members.entrySet()) {
      Method setter = setterOf(type, member.getKey());
      if (setter != null) {
        setter.setAccessible(true);
        setter.invoke(bean, read(member.getValue(), setter.getGenericParameterTypes()[0]));
        continue;
      }
      for (Field field : type.getFields())
        if (field.getName().equals(member.getKey()) && (field.getModifiers() & (Modifier.STATIC | Modifier.FINAL)) == 0)
          field.set(bean, read(member.getValue(), field.getGenericType()));
    }
    return bean;
  }

  /** By the exact name before one that differs in case alone, as those of AWS's own event classes do. */
  private static Method setterOf(Class<?> type, String member) {
    String exact = member.isEmpty() ? "set" : "set" + member.substring(0, 1).toUpperCase(Locale.ROOT) + member.substring(1);
    Method similar = null;
    for (Method method : type.getMethods()) {
      if (method.getParameterCount() != 1 || Modifier.isStatic(method.getModifiers()) || method.isBridge()) continue;
      if (method.getName().equals(exact)) return method;
      if (method.getName().equalsIgnoreCase(exact)) similar = method;
    }
    return similar;
  }

  private static Object make(Class<?> type) throws Exception {
    if (type.isInterface() || Modifier.isAbstract(type.getModifiers()))
      throw new IllegalArgumentException("Cannot make a " + type.getName() + " from JSON: it is abstract");
    try {
      Constructor<?> constructor = type.getDeclaredConstructor();
      constructor.setAccessible(true);
      return constructor.newInstance();
    } catch (NoSuchMethodException error) {
      throw new IllegalArgumentException(
          "Cannot make a " + type.getName() + " from JSON: it has no constructor without parameters");
    }
  }

  private static Class<?> raw(Type type) {
    if (type instanceof Class) return (Class<?>) type;
    if (type instanceof ParameterizedType) return raw(((ParameterizedType) type).getRawType());
    if (type instanceof GenericArrayType)
      return Array.newInstance(raw(((GenericArrayType) type).getGenericComponentType()), 0).getClass();
    return Object.class;
  }

  private static boolean isRecord(Class<?> type) {
    return type.getSuperclass() != null && type.getSuperclass().getName().equals("java.lang.Record");
  }

  private static Map<String, Object> members(Object value) {
    if (!(value instanceof Map)) throw mismatch(value, Map.class);
    return cast(value);
  }

  @SuppressWarnings("unchecked")
  private static <T> T cast(Object value) {
    return (T) value;
  }

  private static IllegalArgumentException mismatch(Object value, Class<?> type) {
    return new IllegalArgumentException("Cannot read a " + type.getName() + " from the JSON value " + value);
  }

  // --- and back --------------------------------------------------------------------------------------------------------------------------

  static String write(Object value) throws Exception {
    StringBuilder out = new StringBuilder();
    write(out, value);
    return out.toString();
  }

  private static void write(StringBuilder out, Object value) throws Exception {
    if (value == null) out.append("null");
    else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum)
      Json.quote(out, value instanceof Enum ? ((Enum<?>) value).name() : value.toString());
    else if (value instanceof Double || value instanceof Float) {
      double number = ((Number) value).doubleValue();
      if (Double.isNaN(number) || Double.isInfinite(number)) Json.quote(out, value.toString());
      else out.append(value);
    } else if (value instanceof Number || value instanceof Boolean) out.append(value);
    else if (value instanceof Date) out.append(((Date) value).getTime());
    else if (value instanceof byte[]) Json.quote(out, Base64.getEncoder().encodeToString((byte[]) value));
    else if (value instanceof Map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        member(out, separator, String.valueOf(entry.getKey()), entry.getValue());
        separator = ",";
      }
      out.append(separator.equals("{") ? "{}" : "}");
    } else if (value instanceof Iterable) {
      String separator = "[";
      for (Object item : (Iterable<?>) value) {
        out.append(separator);
        write(out, item);
        separator = ",";
      }
      out.append(separator.equals("[") ? "[]" : "]");
    } else if (value.getClass().isArray()) {
      out.append('[');
      for (int i = 0; i < Array.getLength(value); i++) {
        if (i > 0) out.append(',');
        write(out, Array.get(value, i));
      }
      out.append(']');
    } else write(out, properties(value));
  }

  private static void member(StringBuilder out, String separator, String name, Object value) throws Exception {
    out.append(separator);
    Json.quote(out, name);
    out.append(':');
    write(out, value);
  }

  private static Map<String, Object> properties(Object value) throws Exception {
    Class<?> type = value.getClass();
    if (type.getName().startsWith("java."))
      throw new IllegalArgumentException("Cannot write a " + type.getName() + " as JSON");
    Map<String, Object> properties = new LinkedHashMap<>();
    for (Field field : type.getFields())
      if (!Modifier.isStatic(field.getModifiers())) properties.put(field.getName(), field.get(value));
    for (Method method : type.getMethods()) {
      String name = method.getName();
      if (method.getParameterCount() > 0 || Modifier.isStatic(method.getModifiers()) || method.isBridge()) continue;
      if (method.getDeclaringClass() == Object.class || method.getReturnType() == void.class) continue;
      boolean isBoolean = method.getReturnType() == boolean.class;
      if (isRecord(type) && hasComponent(type, name)) properties.put(name, call(method, value));
      else if (name.length() > 3 && name.startsWith("get")) properties.put(decapitalized(name.substring(3)), call(method, value));
      else if (isBoolean && name.length() > 2 && name.startsWith("is"))
        properties.put(decapitalized(name.substring(2)), call(method, value));
    }
    return properties;
  }

  private static boolean hasComponent(Class<?> type, String name) {
    for (Field field : type.getDeclaredFields())
      if (field.getName().equals(name) && !Modifier.isStatic(field.getModifiers())) return true;
    return false;
  }

  private static Object call(Method method, Object target) throws Exception {
    method.setAccessible(true);
    try {
      return method.invoke(target);
    } catch (InvocationTargetException error) {
      if (error.getCause() instanceof Exception) throw (Exception) error.getCause();
      throw error;
    }
  }

  /** `getURL` → `url`, as Jackson has it: the leading capitals become small. */
  private static String decapitalized(String name) {
    int capitals = 0;
    while (capitals < name.length() && Character.isUpperCase(name.charAt(capitals))) capitals++;
    return name.substring(0, capitals).toLowerCase(Locale.ROOT) + name.substring(capitals);
  }
}
