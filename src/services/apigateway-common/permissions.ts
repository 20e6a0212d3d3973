/**
 * API Gateway's actions in IAM: `apigateway:GET`, `apigateway:POST` … on `arn:aws:apigateway:REGION::/restapis/…`.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
 */
import type { OperationContext, Permission } from "../service.ts";

type Ask = (input: any, context: Pick<OperationContext, "region">) => Permission;

/** @param operations `{ GetApi: "GET /apis/{ApiId}" }`, labels being members of the input */
export function restPermissions<Operation extends string>(
  operations: Readonly<Record<Operation, string>>,
): Record<Operation, Ask> {
  const asks = Object.entries<string>(operations).map(([operation, route]): [string, Ask] => {
    const [method = "", path = ""] = route.split(" ");
    return [
      operation,
      (input, { region }) => ({
        action: `apigateway:${method}`,
        resource: `arn:aws:apigateway:${region}::${path.replaceAll(/\{(\w+)\+?\}/g, (_, label: string) =>
          encodeURIComponent(String(input?.[label] ?? "")).replaceAll("%24", "$"),
        )}`,
      }),
    ];
  });
  return Object.fromEntries(asks) as Record<Operation, Ask>;
}
