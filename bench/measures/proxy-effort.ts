import { cpuSeconds } from "../process/usage.ts";
import type { Subject } from "../subjects/subject.ts";

/** Processor seconds that the proxy spent on `work`; undefined where no process is only a proxy. */
export async function withProxyCpu<T>(
  subject: Subject,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpu: number | undefined }> {
  const { proxyPid } = subject;
  if (proxyPid === undefined) return { result: await work(), cpu: undefined };
  const before = await cpuSeconds(proxyPid);
  const result = await work();
  return { result, cpu: (await cpuSeconds(proxyPid)) - before };
}
