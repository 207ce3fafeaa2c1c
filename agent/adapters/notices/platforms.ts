import type { PlatformName } from "../../core/notices/notice.ts";
import type { Metadata } from "../../ports/metadata.ts";
import type { NoticePlatform } from "../../ports/notices.ts";
import { awsMaintenance } from "./aws-maintenance.ts";
import { awsRebalance } from "./aws-rebalance.ts";
import { AwsSession } from "./aws-session.ts";
import { awsSpot } from "./aws-spot.ts";
import { awsTargetState } from "./aws-target-state.ts";
import { azureEvents } from "./azure-events.ts";
import { AzureService } from "./azure-service.ts";
import { gcpMaintenance } from "./gcp-maintenance.ts";
import { gcpPreempted } from "./gcp-preempted.ts";
import { GcpValue } from "./gcp-value.ts";

export interface MetadataPlaces {
  readonly awsMetadataUrl: string;
  readonly gcpMetadataUrl: string;
  readonly azureMetadataUrl: string;
}

/** A platform, and how to find out whether this is one of its machines. */
export interface Candidate extends NoticePlatform {
  /** Resolves if it is. @throws {AgentError} what answers there instead. */
  isHere(signal: AbortSignal): Promise<void>;
}

export function candidates(metadata: Metadata, places: MetadataPlaces): Readonly<Record<PlatformName, Candidate>> {
  const { awsMetadataUrl, gcpMetadataUrl, azureMetadataUrl } = places;
  const session = new AwsSession(metadata, awsMetadataUrl);
  const azure = new AzureService(metadata, azureMetadataUrl);
  return {
    aws: {
      name: "aws",
      lines: [awsSpot(session), awsTargetState(session), awsRebalance(session), awsMaintenance(session)],
      isHere: async (signal) => void (await session.token(signal)),
    },
    gcp: {
      name: "gcp",
      lines: [gcpPreempted(metadata, gcpMetadataUrl), gcpMaintenance(metadata, gcpMetadataUrl)],
      isHere: async (signal) =>
        void (await new GcpValue(metadata, gcpMetadataUrl, "/computeMetadata/v1/instance/id").next(Number, signal)),
    },
    azure: {
      name: "azure",
      lines: [azureEvents(azure)],
      acknowledge: (ids, signal) => azure.start(ids, signal),
      isHere: async (signal) => void (await azure.ownName(signal)),
    },
  };
}
