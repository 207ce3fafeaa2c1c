import { mayName, methodOf, SHARED_KEY_HEADER, USUAL_PERMISSIONS } from "../../../agent/core/calls.ts";
import { sharedKey } from "../../../agent/gateway/calls/shared-key.ts";
import { namesOf } from "../../core/names-of.ts";
import { FOREIGN, isForeign } from "./client-session.ts";
import type { GoReading } from "./go-reader.ts";
import { BUILD, type Guarded, type Recorded } from "./judged.ts";

/** Where Go reads something else than was judged to pass. Undefined: nowhere. */
export function difference(recorded: Recorded, go: GoReading): string | undefined {
  const wasAllRead = go.end === "eof";
  if (wasAllRead && go.calls.length !== recorded.passed.length)
    return `${recorded.passed.length} calls were to pass, Go reads ${go.calls.length}`;
  if (wasAllRead && recorded.refused.some((stream) => !go.refused.includes(stream)))
    return `refused were ${recorded.refused.join()}, by Go ${go.refused.join()}`;
  for (const [at, call] of go.calls.entries()) {
    const judged = recorded.passed[at];
    if (judged === undefined) return `Go reads a call more: ${JSON.stringify(call)}`;
    if (call.stream !== judged.stream || JSON.stringify(call.fields) !== JSON.stringify(judged.fields))
      return `judged was ${JSON.stringify(judged)}, Go reads ${JSON.stringify(call)}`;
    if (!call.isWhole || call.unread !== undefined || methodOf(pathOf(call)) === undefined) continue;
    const wanted = methodOf(pathOf(call))?.inMessage ?? [];
    if (wanted.length === 0) continue;
    const names = Object.fromEntries([...(judged.names ?? [["", "never judged"]])].filter(([, name]) => name !== ""));
    if (JSON.stringify(sorted(names)) !== JSON.stringify(sorted(call.names ?? {})))
      return `judged were the names ${JSON.stringify(names)}, Go reads ${JSON.stringify(call)}`;
  }
  return undefined;
}

/** What reached Go, and no session of this build may do. Undefined: nothing. */
export function trespass({ belongings }: Guarded, go: GoReading): string | undefined {
  for (const call of go.calls) {
    const method = methodOf(pathOf(call));
    if (method === undefined || !USUAL_PERMISSIONS.has(method.needs)) return `a call: ${JSON.stringify(call)}`;
    for (const named of namesOf(method)) {
      const isInMessage = typeof named.at === "number";
      if (isInMessage && (!call.isWhole || call.unread !== undefined)) continue;
      const all = isInMessage
        ? [call.names?.[named.at] ?? ""]
        : call.fields.filter(([name]) => name === named.at).map(([, value]) => value);
      // By now it has what it claimed.
      const ruling = mayName(
        named,
        all[0],
        (kind, name) => belongings.belongs(BUILD, kind, name, false),
        USUAL_PERMISSIONS,
      );
      if (all.length > 1 || all.some((name) => isForeign(named.kind, name)) || !ruling.may)
        return `${String(named.at)} ${JSON.stringify(all)}: ${JSON.stringify(call)}`;
    }
    const keys = call.fields.filter(([name]) => name === SHARED_KEY_HEADER).map(([, value]) => value);
    if (pathOf(call).endsWith("/Session") && !isKeyed(keys))
      return `keys ${JSON.stringify(keys)}: ${JSON.stringify(call)}`;
    if (method.mentionsSessions && call.isWhole && mentionsForeign(Buffer.from(call.message ?? "", "base64")))
      return `a foreign session is mentioned: ${JSON.stringify(call)}`;
  }
  return undefined;
}

/** BuildKit takes the first: one that is made of what the client asked for. */
function isKeyed([first, asked = "", ...more]: readonly string[]): boolean {
  return first === sharedKey({ buildId: BUILD, contextGroup: undefined }, asked) && more.length === 0;
}

/** As BuildKit would look it up: a string of its own, or what follows a colon. */
function mentionsForeign(message: Buffer): boolean {
  const text = message.toString("latin1");
  return [...text.matchAll(new RegExp(FOREIGN.session, "g"))].some(({ index }) => {
    const before = text.charCodeAt(index - 1);
    return before === 0x3a || before === FOREIGN.session.length || before === 0;
  });
}

function pathOf({ fields }: GoReading["calls"][number]): string {
  return fields.find(([name]) => name === ":path")?.[1] ?? "";
}

const sorted = (names: Readonly<Record<string, string>>) =>
  Object.entries(names).toSorted(([a], [b]) => Number(a) - Number(b));
