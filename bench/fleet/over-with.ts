/** Why a signal is aborted. */
export function overWith({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error("It was ended.", { cause: reason });
}
