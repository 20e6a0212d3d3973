package virga.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON text to maps, lists and scalars. The way back, and to classes, is in {@link Binding}. */
final class Json {
  private static final int DEPTH_MAX = 1000;
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  /** @throws IllegalArgumentException telling where the text is no JSON */
  static Object parse(String text) {
    Json json = new Json(text);
    Object value = json.value(0);
    json.blanks();
    if (json.at < text.length()) throw json.wrong("the end");
    return value;
  }

  private Object value(int depth) {
    if (depth > DEPTH_MAX) throw wrong("less nesting");
    blanks();
    char c = at < text.length() ? text.charAt(at) : '\0';
    switch (c) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Map<String, Object> object(int depth) {
    Map<String, Object> members = new LinkedHashMap<>();
    at++;
    blanks();
    if (take('}')) return members;
    do {
      blanks();
      if (at >= text.length() || text.charAt(at) != '"') throw wrong("a name");
      String name = string();
      blanks();
      if (!take(':')) throw wrong("':'");
      members.put(name, value(depth + 1));
      blanks();
    } while (take(','));
    if (!take('}')) throw wrong("'}'");
    return members;
  }

  private List<Object> array(int depth) {
    List<Object> items = new ArrayList<>();
    at++;
    blanks();
    if (take(']')) return items;
    do {
      items.add(value(depth + 1));
      blanks();
    } while (take(','));
    if (!take(']')) throw wrong("']'");
    return items;
  }

  private String string() {
    StringBuilder result = new StringBuilder();
    for (at++; at < text.length(); ) {
      char c = text.charAt(at++);
      if (c == '"') return result.toString();
      if (c != '\\') {
        result.append(c);
        continue;
      }
      char escaped = at < text.length() ? text.charAt(at++) : '\0';
      int plain = "\"\\/bfnrt".indexOf(escaped);
      if (plain >= 0 && escaped != '\0') result.append("\"\\/\b\f\n\r\t".charAt(plain));
      else if (escaped == 'u' && at + 4 <= text.length()) {
        try {
          result.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
        } catch (NumberFormatException error) {
          throw wrong("four hexadecimal digits");
        }
        at += 4;
      } else throw wrong("an escaped character");
    }
    throw wrong("'\"'");
  }

  /** The least type that holds it, as Jackson chooses: Integer, Long, BigInteger, Double. */
  private Number number() {
    int from = at;
    while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) at++;
    String digits = text.substring(from, at);
    try {
      if (digits.indexOf('.') >= 0 || digits.indexOf('e') >= 0 || digits.indexOf('E') >= 0)
        return new BigDecimal(digits).doubleValue();
      BigInteger whole = new BigInteger(digits);
      if (whole.bitLength() < 32) return whole.intValue();
      if (whole.bitLength() < 64) return whole.longValue();
      return whole;
    } catch (NumberFormatException error) {
      at = from;
      throw wrong("a value");
    }
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) throw wrong("a value");
    at += word.length();
    return value;
  }

  private boolean take(char c) {
    if (at >= text.length() || text.charAt(at) != c) return false;
    at++;
    return true;
  }

  private void blanks() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
  }

  private IllegalArgumentException wrong(String expected) {
    return new IllegalArgumentException("Invalid JSON at position " + at + ": expected " + expected);
  }

  static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int escaped = "\"\\\b\f\n\r\t".indexOf(c);
      if (escaped >= 0) out.append('\\').append("\"\\bfnrt".charAt(escaped));
      else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    out.append('"');
  }
}
