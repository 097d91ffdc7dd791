import type { DomainEvent } from "./event.ts";

interface Named {
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}
const name = (host: string, { repository, tag, digest }: Named): string => {
  if (tag !== undefined) return `${host}/${repository}:${tag}`;
  return digest === undefined ? `${host}/${repository}` : `${host}/${repository}@${digest}`;
};

/** The CloudEvents `subject` of an event: what it is about, readable and filterable. A promotion is about the image it came from. */
export const subjectOf = (event: DomainEvent): string => {
  switch (event._tag) {
    case "ImagePushed":
    case "TagDeleted":
    case "RescanRequested":
      return name(event.registry, event);
    case "ImagePromoted":
      return name(event.registry, event.from);
    case "ReferrerPushed":
      return name(event.registry, { repository: event.repository, digest: event.subject });
    case "ReconciliationStarted":
    case "ReconciliationCompleted":
      return `reconciliations/${event.reconciliation}`;
    case "ConfigurationApplied":
      return `configuration/${event.revision}`;
    case "TargetPaused":
    case "TargetResumed":
    case "ReplayRequested":
      return `targets/${event.target}`;
    case "DriftFound":
    case "ReplicationSucceeded":
    case "ReplicationFailed":
    case "ReplicationParked":
    case "ReplicationSkipped":
    case "DeletionProposed":
    case "DeletionRefused":
    case "DeliveryRetried":
    case "DeliveryDiscarded":
      return name(event.target, event);
    case "TagAdopted":
      return name(event.target, { repository: event.repository, tag: event.tag });
  }
};
