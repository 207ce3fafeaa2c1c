import { awsMaintenance } from "../../../agent/adapters/notices/aws-maintenance.ts";
import { awsRebalance } from "../../../agent/adapters/notices/aws-rebalance.ts";
import type { AwsSession } from "../../../agent/adapters/notices/aws-session.ts";
import { awsSpot } from "../../../agent/adapters/notices/aws-spot.ts";
import { awsTargetState } from "../../../agent/adapters/notices/aws-target-state.ts";
import { azureEvents } from "../../../agent/adapters/notices/azure-events.ts";
import type { AzureService } from "../../../agent/adapters/notices/azure-service.ts";
import { gcpMaintenance } from "../../../agent/adapters/notices/gcp-maintenance.ts";
import { gcpPreempted } from "../../../agent/adapters/notices/gcp-preempted.ts";
import type { MetadataAnswer } from "../../../agent/ports/metadata.ts";
import { ofText, type Parser } from "../parser.ts";

const signal = new AbortController().signal;
const NOT_BEFORE = "Mon, 19 Sep 2033 18:29:47 GMT";

function answer(text: string): MetadataAnswer {
  const headers: Readonly<Record<string, string>> = { "metadata-flavor": "Google", date: NOT_BEFORE, etag: "e" };
  return { status: 200, text, header: (name) => headers[name] };
}

const aws = (text: string): AwsSession => ({ get: () => Promise.resolve(answer(text)) }) as unknown as AwsSession;
const azure = (text: string): AzureService =>
  ({ ownName: () => Promise.resolve("vm-1"), events: () => Promise.resolve(answer(text)) }) as unknown as AzureService;
const gcp = (text: string) => ({ ask: () => Promise.resolve(answer(text)) });

/** What a platform says is about to happen to its machine. */
export const platformsNotices: readonly Parser[] = [
  ofText(
    {
      name: "a spot instance's end",
      at: ["agent/adapters/notices/aws-spot.ts", "agent/adapters/notices/json-value.ts"],
      samples: [{ action: "terminate", time: "2033-09-18T08:22:00Z" }],
    },
    (text) => awsSpot(aws(text)).look(signal),
  ),
  ofText(
    {
      name: "maintenance of an instance",
      at: "agent/adapters/notices/aws-maintenance.ts",
      samples: [[{ NotBefore: "21 Jan 2033 09:00:43 GMT", Code: "system-reboot", EventId: "e-1", State: "active" }]],
    },
    (text) => awsMaintenance(aws(text)).look(signal),
  ),
  ofText(
    {
      name: "advice to rebalance",
      at: "agent/adapters/notices/aws-rebalance.ts",
      samples: [{ noticeTime: "2033-09-18T08:22:00Z" }],
    },
    (text) => awsRebalance(aws(text)).look(signal),
  ),
  ofText(
    {
      name: "the state that a group wants",
      at: "agent/adapters/notices/aws-target-state.ts",
      samples: ["InService", "Warmed:Terminated"],
    },
    (text) => awsTargetState(aws(text)).look(signal),
  ),
  ofText(
    {
      name: "Azure's scheduled events",
      at: "agent/adapters/notices/azure-events.ts",
      troubles: [
        Buffer.from('{"Events":[{"EventId":"e","EventType":"x","Resources":["vm-1"],"NotBefore":{"toString":1}}]}'),
      ],
      samples: [
        {
          DocumentIncarnation: 1,
          Events: [
            {
              ...{ EventId: "e-1", EventType: "Preempt", Resources: ["vm-1"], EventStatus: "Scheduled" },
              ...{ NotBefore: NOT_BEFORE, Description: "d" },
            },
          ],
        },
      ],
    },
    (text) => azureEvents(azure(text)).look(signal),
  ),
  ofText(
    {
      name: "Google's maintenance of a host",
      at: "agent/adapters/notices/gcp-maintenance.ts",
      samples: ["NONE", "MIGRATE_ON_HOST_MAINTENANCE"],
    },
    (text) => gcpMaintenance(gcp(text), "http://metadata.example").look(signal),
  ),
  ofText(
    { name: "Google's preemption", at: "agent/adapters/notices/gcp-preempted.ts", samples: ["TRUE", "FALSE"] },
    (text) => gcpPreempted(gcp(text), "http://metadata.example").look(signal),
  ),
];
