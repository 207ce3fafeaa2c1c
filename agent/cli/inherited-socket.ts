/**
 * The first descriptor that a service manager passes on (SD_LISTEN_FDS_START, sd_listen_fds(3)).
 */
const FIRST = 3;

/**
 * The listening socket that the service manager opened for this process, or undefined. The launcher
 * passes one as systemd does, but cannot know LISTEN_PID before the process is there: an absent one
 * is taken for ours.
 */
export function inheritedSocket(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): { readonly fd: number } | undefined {
  const { LISTEN_FDS: count, LISTEN_PID: forPid } = environment;
  if (count === undefined || !/^[1-9]\d*$/.test(count)) return undefined;
  return forPid === undefined || forPid === String(pid) ? { fd: FIRST } : undefined;
}

/**
 * Which of the gateways' places is ours, counted from 0, where others are there beside us;
 * undefined: we are alone, and have the first. Whoever starts gateways gives the places.
 */
export function placeBeside(
  { BUILDER_AGENT_SEAT: seat = "" }: Readonly<Record<string, string | undefined>>,
  places: number,
): number | undefined {
  const place = Number(seat) - 1;
  return Number.isInteger(place) && place >= 0 && place < places ? place : undefined;
}
