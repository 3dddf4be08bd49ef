/** Whether this process does nothing but one command of gph: then flags that concern the whole process may be set. */
let owned = false;

export function ownProcess(): void {
  owned = true;
}

export const ownsProcess = (): boolean => owned;
