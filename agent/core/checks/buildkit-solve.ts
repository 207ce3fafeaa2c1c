import { rfc3339 } from "../moment.ts";
import type { StepFault } from "../step-trial.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** A daemon that answers may be unable to run anything: its work is tried, not its word. */
export const buildkitSolve: Check = {
  name: "buildkit-solve",
  title: "A build's step",
  blocking: true,
  neededByBuilds: true,
  dependsOn: [
    "machine-certificate",
    "control-plane-view",
    "cache-volume",
    "cache-filesystem",
    "build-network",
    "buildkit",
    "disk",
  ],
  remedy: "builder-agent logs --since 1h | grep buildkit.step-failed has BuildKit's own words",
  evidence({ step }) {
    switch (step.at) {
      case "untried":
        return [step.message];
      case "ran":
        return [`the last step ran at ${rfc3339(step.atMs)} and took ${step.tookMs} ms`];
      case "failed":
        return [`the last steps failed: ${step.fault}`];
      default:
        return step satisfies never;
    }
  },
  look({ step }) {
    switch (step.at) {
      case "untried":
        return unknown(step.message);
      case "ran":
        return ok(`A step ran and wrote a layer at ${rfc3339(step.atMs)}, in ${step.tookMs} ms`);
      case "failed": {
        const { message, remedy } = FOUND[step.fault];
        return failed(`${message}: builds would fail`, remedy === undefined ? {} : { remedy });
      }
      default:
        return step satisfies never;
    }
  },
};

const FOUND: Readonly<Record<StepFault | "silent", { readonly message: string; readonly remedy?: string }>> = {
  "read-only": {
    message: "A step's layer cannot be written, the cache's file system is read-only",
    remedy: "dmesg | tail says why the kernel made it read-only; a restart of the machine checks and mounts it again",
  },
  "no-space": {
    message: "A step's layer cannot be written, there is no space left",
    remedy: "df -h and df -i of the cache's directory and of /run show which one is full",
  },
  "disk-error": {
    message: "A step's layer cannot be written, the cache's disk gives errors",
    remedy: "dmesg | tail names the disk: replace it, or the machine",
  },
  network: {
    message: "A step gets no network, a CNI plugin failed or is missing",
    remedy:
      "ls buildkit.cniBinaryDir has to show ptp and loopback; systemctl restart buildkitd.service makes the network anew",
  },
  runtime: {
    message: "runc does not run a step",
    remedy: "runc --version has to answer, and the log has its words: buildkit.step-failed",
  },
  silent: {
    message: "A step does not end, twice in a row and with no session open",
    remedy: "ps axf shows where it hangs (D: the disk); systemctl restart buildkitd.service starts BuildKit anew",
  },
  other: { message: "BuildKit fails to run a step, for a reason of its own" },
};
