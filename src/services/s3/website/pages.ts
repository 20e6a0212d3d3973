/** The HTML that a website endpoint writes itself: errors and redirects, in S3's form. */
import { AwsError } from "../../../kernel/errors.ts";
import type { HttpResponse } from "../../service.ts";

const STATUS_TEXT: Readonly<Record<number, string>> = {
  301: "Moved Permanently",
  302: "Found",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  412: "Precondition Failed",
  416: "Requested Range Not Satisfiable",
};

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

function listOf(entries: readonly (readonly [string, string])[]): string {
  return `<ul>\n${entries.map(([name, value]) => `<li>${name}: ${escapeHtml(value)}</li>\n`).join("")}</ul>\n`;
}

/** Ids as S3 gives them: of the request, and of the host that answered it. */
function idsOf(requestId: string): { readonly requestId: string; readonly hostId: string } {
  return {
    requestId: requestId.replaceAll("-", "").slice(0, 16).toUpperCase(),
    hostId: Buffer.from(requestId).toString("base64"),
  };
}

/** Headers of every answer of a website endpoint. */
export function websiteHeaders(requestId: string): Record<string, string> {
  const ids = idsOf(requestId);
  return { "x-amz-request-id": ids.requestId, "x-amz-id-2": ids.hostId };
}

/** @param documentError what hindered the bucket's own error document, where it has one */
export function errorPage(error: AwsError, requestId: string, documentError?: AwsError): HttpResponse {
  const title = `${error.status} ${STATUS_TEXT[error.status] ?? error.code}`;
  const ids = idsOf(requestId);
  const detail = Object.entries(error.detail).filter(([name]) => !name.startsWith("$"));
  const body = `<html>
<head><title>${title}</title></head>
<body>
<h1>${title}</h1>
${listOf([
  ["Code", error.code],
  ["Message", error.message],
  ...detail.map(([name, value]) => [name, String(value)] as const),
  ["RequestId", ids.requestId],
  ["HostId", ids.hostId],
])}${
  documentError
    ? `<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n${listOf([
        ["Code", documentError.code],
        ["Message", documentError.message],
      ])}`
    : ""
}<hr/>
</body>
</html>
`;
  return {
    status: error.status,
    headers: {
      ...websiteHeaders(requestId),
      "x-amz-error-code": error.code,
      "x-amz-error-message": error.message,
      ...(error.detail["$headers"] as Record<string, string> | undefined),
      "content-type": "text/html; charset=utf-8",
    },
    body,
  };
}

export function redirectPage(status: number, location: string, requestId: string): HttpResponse {
  const text = STATUS_TEXT[status] ?? "Redirect";
  const { headers, body } = errorPage(new AwsError(text.replaceAll(" ", ""), "Resource Found", status), requestId);
  const { "x-amz-error-code": _, "x-amz-error-message": __, ...rest } = headers;
  return { status, headers: { ...rest, location: location.replace(/[\r\n]/g, "") }, body: body! };
}
