import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { BusUnavailable } from "../bus.ts";
import { answer } from "./answer.ts";
import type { Received } from "./client.ts";
import type { Control } from "./control.ts";
import { AGAIN_MS, ANSWER_MOST_MS, ANSWERED_MOST, INBOX_CONCURRENCY, INBOX_MOST } from "./limits.ts";
import type { Question, Said } from "./message.ts";
import { ATTRIBUTES } from "./names.ts";
import { decodeQuestion, encodeAnswer } from "./wire.ts";

/** Answers that count or write, so that the same question gets the same one. What can be asked twice without harm is answered anew. */
export type Answered = Map<string, Deferred.Deferred<Said, BusUnavailable>>;

/** One pull of the inbox: every question is answered and then acknowledged; what could not be written comes again. True: something was asked. */
export const hear = Effect.fnUntraced(function* (control: Control, answered: Answered) {
  const received = yield* control.client.pull(control.names.inbox.subscription, INBOX_MOST);
  yield* Effect.forEach(received, (message) => hearOne(control, answered, message), {
    concurrency: INBOX_CONCURRENCY,
    discard: true,
  });
  return received.length > 0;
});

const hearOne = (control: Control, answered: Answered, message: Received): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { value: question, why } = decodeQuestion(message.data);
    const isOurs = message.attributes[ATTRIBUTES.instance] === control.instance;
    if (question === undefined || !isOurs) {
      // It would be no other the next time.
      yield* Effect.logError("a message in the inbox of the bus was passed over", {
        target: control.names.target,
        because: why ?? `it is of instance ${message.attributes[ATTRIBUTES.instance]}`,
      });
    } else {
      const counts = question.say._tag === "Permit" || question.say._tag === "Report";
      yield* tell(
        control,
        question,
        yield* counts ? answerOnce(control, answered, question) : answer(control, question),
      );
    }
    yield* control.client.acknowledge(control.names.inbox.subscription, [message.ackId]);
  }).pipe(
    Effect.catchTag("BusUnavailable", (error) =>
      Effect.logWarning(`a word of a replicator could not be heard and comes again: ${error.message}`).pipe(
        Effect.andThen(Effect.sleep(AGAIN_MS)),
        Effect.andThen(Effect.ignore(control.client.giveBack(control.names.inbox.subscription, [message.ackId]))),
      ),
    ),
  );

const tell = Effect.fnUntraced(function* ({ client, names, instance }: Control, { id, from }: Question, said: Said) {
  const until = new Date((yield* Clock.currentTimeMillis) + ANSWER_MOST_MS).toISOString();
  const attributes = { [ATTRIBUTES.instance]: instance, [ATTRIBUTES.to]: from, [ATTRIBUTES.until]: until };
  yield* client.publish(names.answers.topic, [{ data: encodeAnswer({ id, said }), attributes }]);
});

/** Its double waits for what is said to the first, also where both are heard at the same moment. What failed is asked anew. */
const answerOnce = Effect.fnUntraced(function* (control: Control, answered: Answered, question: Question) {
  const before = answered.get(question.id);
  if (before !== undefined) return yield* Deferred.await(before);
  const said = yield* Deferred.make<Said, BusUnavailable>();
  remember(answered, question.id, said);
  return yield* answer(control, question).pipe(
    Effect.onExit((exit) => {
      if (Exit.isFailure(exit)) answered.delete(question.id);
      return Deferred.done(said, exit);
    }),
  );
});

const remember = (answered: Answered, id: string, said: Deferred.Deferred<Said, BusUnavailable>): void => {
  answered.set(id, said);
  const [oldest] = answered.keys();
  if (answered.size > ANSWERED_MOST && oldest !== undefined) answered.delete(oldest);
};
