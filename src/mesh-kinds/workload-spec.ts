/** What a Workload says, as its schema (templates/crds/workloads.yaml) describes it. */
export interface WorkloadSpec {
  /** An IP address, or a host name that is resolved. */
  readonly address: string;
  /** What the instance is a copy of, NAME (of kind workload) or KIND/NAME; absent: itself. */
  readonly workload?: string;
  readonly ports?: readonly { readonly name: string; readonly port: number }[];
}
