package virga.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * A function's handler: `package.Class`, which implements `RequestHandler` or `RequestStreamHandler`, or `package.Class::method`, whose parameters
 * are an event, an input stream, an output stream and a context, each or none. The interfaces are those that the package brings, known by name.
 *
 * @see <a href="https://docs.aws.amazon.com/lambda/latest/dg/java-handler.html">Define Lambda function handler in Java</a>
 */
final class Handler {
  private static final String CORE = "com.amazonaws.services.lambda.runtime.";

  private final Object target;
  private final Method method;
  private final Map<TypeVariable<?>, Type> variables;

  private Handler(Object target, Method method, Map<TypeVariable<?>, Type> variables) {
    this.target = target;
    this.method = method;
    this.variables = variables;
  }

  /** The function is wrong, and every invocation says so. */
  static final class Fault extends Exception {
    final String type;
    final String trace;
    /** It cannot even be loaded: told when the worker begins. */
    final boolean atInit;

    Fault(String message, Throwable cause, boolean atInit) {
      super(message, cause);
      this.type = cause == null ? null : cause.getClass().getName();
      this.trace = cause == null ? null : Bootstrap.traceOf(cause);
      this.atInit = atInit;
    }

    Fault(String message) {
      this(message, null, false);
    }
  }

  static Handler find(String text, ClassLoader loader) throws Fault {
    int colons = text.lastIndexOf("::");
    String className = colons < 0 ? text : text.substring(0, colons);
    String methodName = colons < 0 ? null : text.substring(colons + 2);
    if (className.isEmpty() || (methodName != null && methodName.isEmpty()))
      throw new Fault("Invalid handler: `" + text + "'");
    Class<?> type;
    try {
      type = Class.forName(className, true, loader);
    } catch (ClassNotFoundException error) {
      throw new Fault("Class not found: " + className, error, false);
    } catch (Throwable error) {
      String why = error.getMessage() == null ? "" : ": " + error.getMessage();
      throw new Fault("Error loading class " + className + why, error, true);
    }
    Method method = methodName == null ? interfaceMethod(type) : namedMethod(type, methodName);
    Object target = Modifier.isStatic(method.getModifiers()) ? null : make(type);
    method.setAccessible(true);
    return new Handler(target, method, variablesOf(type));
  }

  private static Method interfaceMethod(Class<?> type) throws Fault {
    boolean streams = has(type, CORE + "RequestStreamHandler");
    if (!streams && !has(type, CORE + "RequestHandler"))
      throw new Fault("Class does not implement an appropriate handler interface: " + type.getName());
    Method found = null;
    for (Method method : type.getMethods()) {
      if (!method.getName().equals("handleRequest") || method.getParameterCount() != (streams ? 3 : 2)) continue;
      if (found == null || found.isBridge()) found = method;
    }
    return found;
  }

  private static boolean has(Class<?> type, String interfaceName) {
    for (Class<?> at = type; at != null; at = at.getSuperclass())
      for (Class<?> candidate : at.getInterfaces())
        if (candidate.getName().equals(interfaceName) || has(candidate, interfaceName)) return true;
    return false;
  }

  /** Of overloads, the one with most parameters; a context at the end counts twice. */
  private static Method namedMethod(Class<?> type, String name) throws Fault {
    Method found = null;
    int foundRank = -1;
    for (Method method : type.getMethods()) {
      if (!method.getName().equals(name) || !isSuitable(method)) continue;
      Class<?>[] parameters = method.getParameterTypes();
      int rank = (method.isBridge() ? 0 : 100) + parameters.length;
      if (parameters.length > 0 && isContext(parameters[parameters.length - 1])) rank++;
      if (rank <= foundRank) continue;
      found = method;
      foundRank = rank;
    }
    if (found == null)
      throw new Fault("No public method named " + name + " with appropriate method signature found on class " + type.getName());
    return found;
  }

  /** In this order, each or none: event or input stream, output stream, context. */
  private static boolean isSuitable(Method method) {
    Class<?>[] parameters = method.getParameterTypes();
    int at = 0;
    if (at < parameters.length && parameters[at] != OutputStream.class && !isContext(parameters[at])) at++;
    boolean event = at == 1 && parameters[0] != InputStream.class;
    if (!event && at < parameters.length && parameters[at] == OutputStream.class) at++;
    if (at < parameters.length && isContext(parameters[at])) at++;
    return at == parameters.length;
  }

  private static boolean isContext(Class<?> type) {
    return type.getName().equals(CORE + "Context");
  }

  private static Object make(Class<?> type) throws Fault {
    try {
      return type.getConstructor().newInstance();
    } catch (NoSuchMethodException error) {
      boolean inner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
      String why = inner ? " cannot be instantiated because it is a non-static inner class" : " has no public zero-argument constructor";
      throw new Fault("Class " + type.getName() + why, error, false);
    } catch (InvocationTargetException error) {
      Throwable cause = error.getCause();
      throw new Fault(cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage(), cause, true);
    } catch (ReflectiveOperationException error) {
      throw new Fault(error.getMessage(), error, false);
    }
  }

  /** What the classes above give for their type parameters. */
  private static Map<TypeVariable<?>, Type> variablesOf(Class<?> type) {
    Map<TypeVariable<?>, Type> variables = new HashMap<>();
    for (Class<?> at = type; at != null; at = at.getSuperclass()) {
      collect(at.getGenericSuperclass(), variables);
      for (Type candidate : at.getGenericInterfaces()) collect(candidate, variables);
    }
    return variables;
  }

  private static void collect(Type type, Map<TypeVariable<?>, Type> variables) {
    if (!(type instanceof ParameterizedType)) return;
    Type[] given = ((ParameterizedType) type).getActualTypeArguments();
    TypeVariable<?>[] wanted = ((Class<?>) ((ParameterizedType) type).getRawType()).getTypeParameters();
    for (int i = 0; i < wanted.length; i++) variables.put(wanted[i], resolved(given[i], variables));
  }

  private static Type resolved(Type type, Map<TypeVariable<?>, Type> variables) {
    Type known = type instanceof TypeVariable ? variables.get(type) : null;
    return known == null ? type : known;
  }

  /** @return what the invoker gets: JSON, or the bytes that a stream handler wrote */
  byte[] call(byte[] event, Object context) throws Throwable {
    Class<?>[] parameters = method.getParameterTypes();
    Object[] arguments = new Object[parameters.length];
    ByteArrayOutputStream written = null;
    for (int i = 0; i < parameters.length; i++) {
      if (parameters[i] == InputStream.class) arguments[i] = new ByteArrayInputStream(event);
      else if (parameters[i] == OutputStream.class) arguments[i] = written = new ByteArrayOutputStream();
      else if (isContext(parameters[i])) arguments[i] = context;
      else arguments[i] = eventOf(event, resolved(method.getGenericParameterTypes()[i], variables));
    }
    Object result;
    try {
      result = method.invoke(target, arguments);
    } catch (InvocationTargetException error) {
      throw error.getCause();
    }
    if (written != null) return written.toByteArray();
    if (parameters.length > 0 && parameters[0] == InputStream.class && method.getReturnType() == void.class) return new byte[0];
    return Binding.write(result).getBytes(StandardCharsets.UTF_8);
  }

  private static Object eventOf(byte[] event, Type type) throws Fault {
    try {
      return Binding.read(Json.parse(new String(event, StandardCharsets.UTF_8)), type);
    } catch (Exception error) {
      throw new Fault("An error occurred during JSON parsing", new RuntimeException("An error occurred during JSON parsing", error), false);
    }
  }
}
