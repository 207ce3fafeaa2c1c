import type { NumberedRecord } from "../../core/record-ledger.ts";
import type { SessionEnding } from "../../core/session.ts";
import {
  SessionEnding as SessionEndingProto,
  type SessionRecord,
  type SessionRecords,
} from "./gen/builder/agent/v1/observed_state.ts";
import { duration, hexBytes, time, uint64 } from "./scalars-to-proto.ts";

const ENDINGS: Readonly<Record<SessionEnding, SessionEndingProto>> = {
  "client-closed": SessionEndingProto.CLIENT_CLOSED,
  "buildkit-closed": SessionEndingProto.BUILDKIT_CLOSED,
  "client-error": SessionEndingProto.CLIENT_ERROR,
  "buildkit-error": SessionEndingProto.BUILDKIT_ERROR,
  "build-ended": SessionEndingProto.BUILD_ENDED,
  "build-revoked": SessionEndingProto.BUILD_REVOKED,
  "grant-expired": SessionEndingProto.GRANT_EXPIRED,
  "certificate-expired": SessionEndingProto.CERTIFICATE_EXPIRED,
  "ca-withdrawn": SessionEndingProto.CA_WITHDRAWN,
  "drain-deadline": SessionEndingProto.DRAIN_DEADLINE,
  "gateway-lost": SessionEndingProto.GATEWAY_LOST,
  other: SessionEndingProto.UNSPECIFIED,
};

export function recordsToProto(bootId: string, records: readonly NumberedRecord[]): SessionRecords {
  return { bootId, records: records.map(recordToProto) };
}

function recordToProto({ sequence, summary }: NumberedRecord): SessionRecord {
  return {
    sequence,
    sessionId: summary.sessionId,
    ...summary.build,
    peer: summary.peer,
    certificateSerial: summary.certificateSerial,
    keySpkiSha256: hexBytes(summary.keySpkiSha256),
    openedAt: time(summary.openedAtMs),
    duration: duration(summary.durationMs),
    bytesFromClient: uint64(summary.bytesFromClient),
    bytesToClient: uint64(summary.bytesToClient),
    refusedCalls: summary.refusedCalls ?? 0,
    ending: ENDINGS[summary.ending],
    detail: summary.detail,
  };
}
