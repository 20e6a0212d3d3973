/** What happens by the clock or by an event: schedules, and rules of event buses. */
import { all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLoaded } from "../live/use-call.ts";
import { attempt, confirm } from "../parts/announce.tsx";
import { nameOf, time } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { Facts, Page, Section, State } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { refine, useRoute } from "../routes.ts";
import { useServices } from "../shell/services.ts";

interface Schedule {
  readonly Name: string;
  readonly GroupName: string;
  readonly State: string;
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone?: string;
  readonly Description?: string;
  readonly StartDate?: number;
  readonly EndDate?: number;
  readonly FlexibleTimeWindow?: { readonly Mode: string; readonly MaximumWindowInMinutes?: number };
  readonly Target: {
    readonly Arn: string;
    readonly RoleArn?: string;
    readonly Input?: string;
    readonly RetryPolicy?: object;
  };
}

interface Rule {
  readonly Name: string;
  readonly EventBusName: string;
  readonly State: string;
  readonly ScheduleExpression?: string;
  readonly EventPattern?: string;
  readonly targets: readonly { readonly Id: string; readonly Arn: string }[];
}

async function listSchedules(): Promise<Schedule[]> {
  const found = await all<{ Name: string; GroupName: string }>("scheduler", "ListSchedules", {}, "Schedules");
  return Promise.all(
    found.map(({ Name, GroupName }) => call<Schedule>("scheduler", "GetSchedule", { Name, groupName: GroupName })),
  );
}

async function listRules(): Promise<Rule[]> {
  const { EventBuses = [] } = await call<{ EventBuses?: { Name: string }[] }>("events", "ListEventBuses");
  const rules: Rule[] = [];
  for (const { Name: EventBusName } of EventBuses) {
    for (const rule of await all<Omit<Rule, "targets">>("events", "ListRules", { EventBusName }, "Rules")) {
      const input = { EventBusName, Rule: rule.Name };
      rules.push({
        ...rule,
        targets: await all<Rule["targets"][number]>("events", "ListTargetsByRule", input, "Targets"),
      });
    }
  }
  return rules;
}

const LIVE = { services: ["scheduler", "events", "cloudformation"] };
const on = (state: string) => <State tone={state === "ENABLED" ? "good" : "plain"}>{state}</State>;

export function Schedules() {
  const services = useServices();
  const route = useRoute();
  const selected = route.query.get("name") ?? undefined;
  const schedules = useLoaded(services.includes("scheduler") ? listSchedules : undefined, [], LIVE);
  const rules = useLoaded(services.includes("events") ? listRules : undefined, [], LIVE);
  const chosen = schedules.data?.find(({ Name, GroupName }) => `${GroupName}/${Name}` === selected);
  const remove = async ({ Name, GroupName }: Schedule) => {
    const input = { Name, groupName: GroupName };
    const yes = await confirm({
      title: `Delete the schedule ${Name}?`,
      body: <p>Nothing will be called by it again.</p>,
      command: command("scheduler", "DeleteSchedule", { Name, GroupName }),
      action: "Delete schedule",
    });
    if (yes && (await attempt(`Deleted ${Name}`, () => call("scheduler", "DeleteSchedule", input, { traced: true }))))
      schedules.reload();
  };
  const toggle = async ({ Name, EventBusName, State: state }: Rule) => {
    const operation = state === "ENABLED" ? "DisableRule" : "EnableRule";
    const change = () => call("events", operation, { Name, EventBusName }, { traced: true });
    if (await attempt(`${Name} is ${state === "ENABLED" ? "off" : "on"}`, change)) rules.reload();
  };
  return (
    <Page
      title="Schedules"
      icon="clock"
      error={schedules.error ?? rules.error}
      commands={[command("scheduler", "ListSchedules"), command("events", "ListRules")]}
    >
      {services.includes("scheduler") && (
        <Section title="Schedules">
          <Table
            label="Schedules"
            filter
            rows={schedules.data}
            rowKey={({ GroupName, Name }) => `${GroupName}/${Name}`}
            selected={selected}
            empty="No schedule."
            onOpen={({ GroupName, Name }) => refine(route, { name: `${GroupName}/${Name}` })}
            columns={[
              { key: "name", title: "Name", value: ({ Name }) => Name, cell: ({ Name }) => Name },
              {
                key: "when",
                title: "When",
                width: "26%",
                value: ({ ScheduleExpression }) => ScheduleExpression,
                cell: ({ ScheduleExpression }) => <code>{ScheduleExpression}</code>,
              },
              {
                key: "zone",
                title: "Time zone",
                width: "140px",
                less: true,
                value: (schedule) => schedule.ScheduleExpressionTimezone ?? "UTC",
                cell: (schedule) => schedule.ScheduleExpressionTimezone ?? "UTC",
              },
              {
                key: "target",
                title: "Calls",
                width: "22%",
                less: true,
                value: ({ Target }) => Target.Arn,
                cell: ({ Target }) => <span title={Target.Arn}>{nameOf(Target.Arn)}</span>,
              },
              {
                key: "state",
                title: "State",
                width: "110px",
                value: (schedule) => schedule.State,
                cell: (schedule) => on(schedule.State),
              },
            ]}
          />
        </Section>
      )}
      {chosen && (
        <aside className="detail" aria-label="The schedule">
          <header>
            <h2>{chosen.Name}</h2>
            <button
              type="button"
              className="quiet"
              aria-label="Close"
              onClick={() => refine(route, { name: undefined })}
            >
              <Icon name="close" />
            </button>
          </header>
          <Facts
            entries={[
              ["Group", chosen.GroupName],
              ["Description", chosen.Description],
              ["Begins", chosen.StartDate && time(chosen.StartDate)],
              ["Ends", chosen.EndDate && time(chosen.EndDate)],
              ["Flexible window", chosen.FlexibleTimeWindow],
              ["Calls", chosen.Target.Arn],
              ["As", chosen.Target.RoleArn],
              ["With", chosen.Target.Input],
              ["Tries again", chosen.Target.RetryPolicy],
            ]}
          />
          <div className="actions">
            <button type="button" className="danger" onClick={() => remove(chosen)}>
              <Icon name="trash" size={14} /> Delete
            </button>
          </div>
        </aside>
      )}
      {services.includes("events") && (
        <Section title="Rules">
          <Table
            label="Rules"
            filter
            rows={rules.data}
            rowKey={({ EventBusName, Name }) => `${EventBusName}/${Name}`}
            empty="No rule."
            columns={[
              { key: "name", title: "Name", value: ({ Name }) => Name, cell: ({ Name }) => Name },
              {
                key: "bus",
                title: "Bus",
                width: "110px",
                less: true,
                value: (rule) => rule.EventBusName,
                cell: (rule) => rule.EventBusName,
              },
              {
                key: "when",
                title: "When",
                width: "34%",
                value: (rule) => rule.ScheduleExpression ?? rule.EventPattern ?? "",
                cell: (rule) => <code title={rule.EventPattern}>{rule.ScheduleExpression ?? rule.EventPattern}</code>,
              },
              {
                key: "targets",
                title: "Calls",
                width: "20%",
                less: true,
                value: ({ targets }) => targets.map(({ Arn }) => nameOf(Arn)).join(", "),
                cell: ({ targets }) => targets.map(({ Arn }) => nameOf(Arn)).join(", "),
              },
              {
                key: "state",
                title: "State",
                width: "190px",
                value: (rule) => rule.State,
                cell: (rule) => (
                  <span className="actions">
                    {on(rule.State)}
                    <button type="button" className="quiet" onClick={() => toggle(rule)}>
                      {rule.State === "ENABLED" ? "Disable" : "Enable"}
                    </button>
                  </span>
                ),
              },
            ]}
          />
        </Section>
      )}
    </Page>
  );
}
