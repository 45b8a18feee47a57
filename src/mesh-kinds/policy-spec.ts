/** What a ServicePolicy says of whom it is for; templates/crds/servicepolicies.yaml describes all of it. */
export interface ServicePolicySpec {
  readonly targetRefs: readonly PolicyTarget[];
}

/** A Service or an ExternalService of the policy's namespace. */
export interface PolicyTarget {
  readonly kind: string;
  readonly name: string;
}
