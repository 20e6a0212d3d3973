/** Dashboards: kept and given back as they are, as AWS does; a console draws them. Names are one account's, in every region. */
import { arn } from "../../kernel/arn.ts";
import { after, keysWithPrefix } from "../../storage/keys.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { tagsOf } from "./alarms/common.ts";
import {
  dashboardNotFound,
  dashboardsNotFound,
  invalidDashboard,
  invalidNextToken,
  invalidValue,
  missingParameter,
} from "./errors.ts";
import { Dashboards, dashboardKey } from "./state.ts";

const PAGE = 1000;
const NAMES_MAX = 100;
const BODY_MAX = 1024 * 1024;

export const dashboardArn = (accountId: string, name: string): string =>
  arn("cloudwatch", "", accountId, `dashboard/${name}`);

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html */
export const putDashboard: Operation<InputOf<"cloudwatch", "PutDashboard">, OutputOf<"cloudwatch", "PutDashboard">> = (
  tx,
  input,
  context,
) => {
  const name = input.DashboardName;
  if (!name) throw missingParameter("DashboardName");
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
    throw invalidValue(
      `The value ${name} for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).`,
    );
  if (!input.DashboardBody) throw missingParameter("DashboardBody");
  if (Buffer.byteLength(input.DashboardBody) > BODY_MAX)
    throw invalidDashboard("The dashboard body is larger than 1 MB");
  checkBody(input.DashboardBody);
  const known = Dashboards.get(tx, dashboardKey(context, name));
  Dashboards.put(tx, dashboardKey(context, name), {
    name,
    body: input.DashboardBody,
    modifiedMs: context.nowMs,
    tags: input.Tags ? tagsOf(input.Tags) : (known?.tags ?? {}),
  });
  return { DashboardValidationMessages: [] };
};

function checkBody(body: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw invalidDashboard((error as Error).message);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw invalidDashboard("The dashboard body must be an object");
  const { widgets } = parsed as { widgets?: unknown };
  if (!Array.isArray(widgets)) throw invalidDashboard('The dashboard body must have the array "widgets"');
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html */
export const getDashboard: Operation<InputOf<"cloudwatch", "GetDashboard">, OutputOf<"cloudwatch", "GetDashboard">> = (
  tx,
  input,
  context,
) => {
  if (!input.DashboardName) throw missingParameter("DashboardName");
  const found = Dashboards.get(tx, dashboardKey(context, input.DashboardName));
  if (!found) throw dashboardNotFound(input.DashboardName);
  return {
    DashboardArn: dashboardArn(context.accountId, found.name),
    DashboardBody: found.body,
    DashboardName: found.name,
  };
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListDashboards.html */
export const listDashboards: Operation<
  InputOf<"cloudwatch", "ListDashboards">,
  OutputOf<"cloudwatch", "ListDashboards">
> = (tx, input, context) => {
  const range = keysWithPrefix(["cloudwatch", context.accountId, "", "dashboard"], input.DashboardNamePrefix ?? "");
  const { end } = range;
  let { start } = range;
  if (input.NextToken !== undefined) {
    start = after(dashboardKey(context, Buffer.from(input.NextToken, "base64url").toString("utf8")));
    if (start < range.start || start > end) throw invalidNextToken();
  }
  const found = [...Dashboards.range(tx, start, end, { limit: PAGE + 1 })].map(([, dashboard]) => dashboard);
  const page = found.slice(0, PAGE);
  return {
    DashboardEntries: page.map(({ name, body, modifiedMs }) => ({
      DashboardName: name,
      DashboardArn: dashboardArn(context.accountId, name),
      LastModified: new Date(modifiedMs),
      Size: Buffer.byteLength(body),
    })),
    ...(found.length > PAGE ? { NextToken: Buffer.from(page.at(-1)!.name).toString("base64url") } : {}),
  };
};

/** All or none. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteDashboards.html */
export const deleteDashboards: Operation<
  InputOf<"cloudwatch", "DeleteDashboards">,
  OutputOf<"cloudwatch", "DeleteDashboards">
> = (tx, input, context) => {
  if (!input.DashboardNames?.length) throw missingParameter("DashboardNames");
  if (input.DashboardNames.length > NAMES_MAX)
    throw invalidValue(`The collection DashboardNames must not have a size greater than ${NAMES_MAX}.`);
  const absent = input.DashboardNames.filter((name) => !Dashboards.read(tx, dashboardKey(context, name)));
  if (absent.length > 0) throw dashboardsNotFound(absent);
  for (const name of input.DashboardNames) tx.delete(dashboardKey(context, name));
  return {};
};
