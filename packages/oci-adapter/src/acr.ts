import { meaningOf } from "./distribution.ts";
import { mildly, type Sender } from "./sender.ts";
import { readAcrEvent } from "./wire.ts";

/**
 * Azure Container Registry: one event of the form of CNCF distribution, without the envelope. `chart_*` are of Helm's old format, which is
 * no OCI content; `quarantine` is of an image that waits to be judged; `ping` is the test. Whether ACR sends a refused body again is not documented,
 * so none is refused. Source: facts/event-sources.md, section 6.
 */
export const acr: Sender = {
  name: "Azure Container Registry",
  recognises: ({ document }) => readAcrEvent(document) !== undefined,
  parse: ({ document }) => {
    const event = readAcrEvent(document);
    return mildly(event === undefined ? [] : [event.action === "ping" ? { ignored: "ping" } : meaningOf(event)]);
  },
};
