import { expect, it } from "vitest";
import { Transfer } from "./transfer.ts";

const at = (): { readonly transfer: Transfer; readonly wait: (seconds: number) => void } => {
  let ms = 1000;
  return {
    transfer: new Transfer(() => ms),
    wait: (seconds) => {
      ms += seconds * 1000;
    },
  };
};

it("adds up blobs, with their rate and how long the rest takes", () => {
  const { transfer, wait } = at();
  transfer.start("a", 1000);
  transfer.start("b", 3000);
  expect(transfer.moving).toEqual({ bytes: 0, total: 4000, rate: 0, eta: undefined });
  wait(1);
  transfer.pass("a", 500);
  transfer.pass("b", 500);
  expect(transfer.moving).toEqual({ bytes: 1000, total: 4000, rate: 1000, eta: 3 });
});

it("forgets what was long ago: a line that stands still has no rate", () => {
  const { transfer, wait } = at();
  transfer.start("a", 10_000);
  wait(1);
  transfer.pass("a", 5000);
  wait(60);
  expect(transfer.moving).toMatchObject({ bytes: 5000, rate: 0, eta: undefined });
  transfer.pass("a", 1);
  wait(1);
  transfer.pass("a", 999);
  expect(transfer.moving).toMatchObject({ rate: 999, eta: 4000 / 999 });
});

it("counts a blob that begins again from its beginning, once in the total, and one that is there as whole", () => {
  const { transfer, wait } = at();
  transfer.start("a", 1000);
  wait(1);
  transfer.pass("a", 800);
  transfer.start("a", 1000);
  expect(transfer.moving).toMatchObject({ bytes: 0, total: 1000 });
  transfer.done("a");
  transfer.done("a");
  transfer.done("never begun");
  transfer.pass("never begun", 5);
  expect(transfer.moving).toMatchObject({ bytes: 1000, total: 1000, eta: 0 });
});
