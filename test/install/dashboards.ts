// What Grafana's dashboards ask Prometheus.

/** A question of a dashboard. */
export interface DashboardQuery {
  readonly panel: string;
  /** PromQL */
  readonly expression: string;
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

/**
 * The questions of a dashboard, with values in place of its variables.
 * @param dashboard its JSON
 * @param variables by name; what has none is `x`
 */
export function dashboardQueries(
  dashboard: string,
  variables: Readonly<Record<string, string>> = {},
): DashboardQuery[] {
  const { panels } = JSON.parse(dashboard) as Dashboard;
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      panel: title,
      expression: expr.replace(/\$(\w+)/g, (_, name: string) => variables[name] ?? "x"),
    })),
  );
}
