import { z } from "zod";
import { replaceFile } from "../../files/whole-file.ts";
import type { AnsweredRequests } from "../../ports/diagnostics.ts";
import type { Log } from "../../ports/log.ts";
import { readHead } from "./read-file.ts";

/** Four times as many as a desired state has. */
const IDS_MAX = 256;
const FILE_MAX_BYTES = 64 * 1024;

/**
 * Remembers them in a file on tmpfs, so that a control that starts anew answers none twice. It is a
 * convenience: what fails is logged, and costs a second answer at most.
 */
export async function answeredRequests(file: string, log: Log): Promise<AnsweredRequests> {
  let ids = await recall(file);
  return {
    has: (requestId) => ids.includes(requestId),
    async note(requestId) {
      ids = [...ids, requestId].slice(-IDS_MAX);
      try {
        await replaceFile(file, JSON.stringify(ids));
      } catch (err) {
        log.warn({ file, err }, "diagnostics.not-remembered");
      }
    },
  };
}

async function recall(file: string): Promise<readonly string[]> {
  try {
    return z.array(z.string()).parse(JSON.parse((await readHead(file, FILE_MAX_BYTES)).toString("utf8")));
  } catch {
    // There is none, or it is damaged: both cost a second answer at most.
    return [];
  }
}
