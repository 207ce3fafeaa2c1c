import type { EventTable } from "./event.ts";

/** The service manager of a machine without systemd. */
export const launcherEvents = {
  "launcher.terminal-started": {
    at: ["info"],
    fields: ["childPid"],
    says: "A process that holds a debug terminal was started.",
  },
  "launcher.terminal-not-started": {
    at: ["error"],
    fields: ["err"],
    says: "A process that holds a debug terminal could not be started.",
  },
  "launcher.not-accepted": {
    at: ["warn"],
    fields: ["err"],
    says: "A connection to one of the launcher's sockets could not be accepted, or was one too many.",
  },
  "launcher.started": {
    at: ["info"],
    fields: ["*"],
    says: "The launcher has the gateway's socket and starts the processes.",
  },
  "launcher.ending": {
    at: ["info"],
    fields: ["code?", "signal?", "asked"],
    says: "The control process is over: the others end, too.",
  },
  "launcher.child-started": { at: ["info"], fields: ["child", "childPid"], says: "A process of ours began." },
  "launcher.gateway-not-replaced": {
    at: ["warn"],
    fields: ["gateways"],
    says: "So many gateways are there already: one more may come when one of them has finished.",
  },
  "launcher.child-exited": {
    at: ["info"],
    fields: ["child", "childPid", "code?", "signal?"],
    says: "A process of ours ended.",
  },
  "launcher.child-hangs": {
    at: ["warn"],
    fields: ["child", "childPid", "silentMs"],
    says: "A process of ours has given no sign of life for at least so long: it is killed, and started again.",
  },
  "launcher.end-not-noted": {
    at: ["warn"],
    fields: ["child", "err"],
    says: "How a process of ours ended was not written down: the last troubles will not say it.",
  },
  "launcher.child-restarting": {
    at: ["warn"],
    fields: ["child", "code?", "signal?", "restart", "delayMs"],
    says: "A process ended unasked and is started again after a pause.",
  },
  "launcher.child-not-started": {
    at: ["error"],
    fields: ["child", "err"],
    says: "A process of ours could not be started; it is tried again.",
  },
  "launcher.verb-failed": {
    at: ["warn"],
    fields: ["err"],
    says: "What the control process asked of the launcher failed.",
  },
  "tailnet.state-not-kept": {
    at: ["warn"],
    fields: ["directory"],
    says: "tailscaled's state would lie on a disk and is kept in memory: a killed tailscaled comes back as another node.",
  },
  "tailscaled.started": { at: ["info"], fields: ["tailscaledPid", "tun"], says: "tailscaled's process began." },
  "tailscaled.ended": { at: ["info"], fields: ["code", "signal"], says: "tailscaled's process ended." },
  "tailscaled.guard-not-closed": {
    at: ["error"],
    fields: ["err"],
    says: "The guard could not be closed after tailscaled's end; the control process closes it.",
  },
  "tailscaled.not-cleaned-up": {
    at: ["warn"],
    fields: ["err"],
    says: "What a killed tailscaled left could not be cleared away.",
  },
  "tailscaled.log": { at: ["debug"], fields: ["message"], says: "A line that tailscaled wrote." },
} as const satisfies EventTable;

/** The encrypted volume, as root. */
export const volumeEvents = {
  "volume.step": { at: ["info"], fields: ["name", "tookMs"], says: "A step of opening the volume is done." },
  "volume.opened": {
    at: ["info"],
    fields: ["*"],
    says: "The volume is open and mounted: which, how it was found, and whether it was formatted.",
  },
  "volume.not-opened": {
    at: ["warn"],
    fields: ["err"],
    says: "The volume was not opened, and nothing on any device was changed where it was refused.",
  },
} as const satisfies EventTable;
