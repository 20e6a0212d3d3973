/** What a load balancer answers by itself. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html */
import type { HttpRequest, HttpResponse } from "../../service.ts";
import type { Action } from "../state.ts";

const TITLES: Readonly<Record<number, string>> = {
  400: "400 Bad Request",
  413: "413 Request Entity Too Large",
  500: "500 Internal Server Error",
  502: "502 Bad Gateway",
  503: "503 Service Temporarily Unavailable",
  504: "504 Gateway Time-out",
};

/** An error of the load balancer's own. */
export function errorPage(status: 400 | 413 | 500 | 502 | 503 | 504): HttpResponse {
  const title = TITLES[status]!;
  return {
    status,
    headers: { server: "awselb/2.0", "content-type": "text/html" },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
  };
}

export function fixedResponse({ FixedResponseConfig }: Action): HttpResponse {
  const { StatusCode, ContentType, MessageBody } = FixedResponseConfig!;
  return {
    status: Number(StatusCode),
    headers: { server: "awselb/2.0", "content-type": ContentType ?? "text/plain; charset=utf-8" },
    body: MessageBody ?? "",
  };
}

/** @param port the listener's */
export function redirect({ RedirectConfig }: Action, request: HttpRequest, port: number): HttpResponse {
  const fill = (text: string) =>
    text.replace(/#\{(protocol|host|port|path|query)\}/g, (_, name: string) =>
      name === "protocol"
        ? "http"
        : name === "host"
          ? request.host
          : name === "port"
            ? String(port)
            : name === "path"
              ? request.path.slice(1)
              : request.query,
    );
  const { Protocol, Host, Port, Path, Query, StatusCode } = RedirectConfig!;
  const query = fill(Query!);
  const location = `${fill(Protocol!).toLowerCase()}://${fill(Host!)}:${fill(Port!)}${fill(Path!)}${query === "" ? "" : `?${query}`}`;
  const status = StatusCode === "HTTP_301" ? 301 : 302;
  const title = status === 301 ? "301 Moved Permanently" : "302 Found";
  return {
    status,
    headers: { server: "awselb/2.0", "content-type": "text/html", location },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
  };
}
