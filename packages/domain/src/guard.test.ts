import { describe, expect, it } from "vitest";
import { checkGuard } from "./guard.ts";

const guard = {
  perRepository: { most: 20, within: 3_600_000 },
  perTarget: { most: 200, within: 3_600_000, fraction: 0.05 },
};
const ask = (repositoryDeleted: number, targetDeleted: number, targetHeld: number, wanted = 1) => {
  const verdict = checkGuard(guard, { repositoryDeleted, targetDeleted, targetHeld }, wanted);
  return verdict._tag === "Granted" ? "granted" : verdict.why.split(":")[0];
};

describe("the guard", () => {
  it.each([
    ["nothing deleted yet", 0, 0, 10_000, 1, "granted"],
    ["the last one of the repository", 19, 19, 10_000, 1, "granted"],
    ["one over the repository", 20, 20, 10_000, 1, "guard.perRepository.most"],
    ["several at once are all counted", 18, 18, 10_000, 3, "guard.perRepository.most"],
    ["the last one of the target", 0, 199, 10_000, 1, "granted"],
    ["one over the target", 0, 200, 10_000, 1, "guard.perTarget.most"],
    ["5 % of 1000", 0, 49, 951, 1, "granted"],
    ["over 5 % of 1000: what was deleted counts as having been there", 0, 50, 950, 1, "guard.perTarget.fraction"],
    ["a small registry may still delete five", 4, 4, 1, 1, "granted"],
    ["but not six", 5, 5, 20, 1, "guard.perTarget.fraction"],
    ["an empty target", 0, 0, 0, 1, "granted"],
  ])("%s", (_name, repository, target, held, wanted, expected) =>
    expect(ask(repository, target, held, wanted)).toBe(expected),
  );
  it("a limit of none refuses all, whatever the minimum of the fraction", () => {
    const none = { ...guard, perTarget: { ...guard.perTarget, most: 0 } };
    expect(checkGuard(none, { repositoryDeleted: 0, targetDeleted: 0, targetHeld: 9 }, 1)._tag).toBe("Refused");
  });
  it("says what to do", () => {
    const verdict = checkGuard(guard, { repositoryDeleted: 20, targetDeleted: 20, targetHeld: 9999 }, 1);
    expect(verdict).toEqual({
      _tag: "Refused",
      why: "guard.perRepository.most: this would be deletion 21 within 3600 s, allowed are 20; look at what is being deleted, then retry the delivery or raise the limit",
    });
  });
});
