import { Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";

/** The contract's word for the control plane's clock: a trailer of every call. */
const TIME = "builder-agent-time-ms";

/** Every call ends with what `now` says, Unix time in ms. */
export function tellsTime(now: () => number): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      sendStatus(status, next) {
        const metadata = status.metadata?.clone() ?? new Metadata();
        metadata.set(TIME, String(Math.round(now())));
        next({ ...status, metadata });
      },
    });
}
