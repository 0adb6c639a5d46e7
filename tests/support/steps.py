"""The steps of the main journey as a GraphQL client takes them, each safe to take again with the same key."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx
from running import Reply, RunningStack, wait_until

NEED_NL: Final = "Wij lassen kleine series en willen weten of een lasrobot of cobot bij ons past."
POSTCODE_DELFT: Final = "2628 CD"
FIELDLAB: Final = "robohouse"
HUB: Final = "zuid-holland"

PROBLEM: Final = "problem { code title detail errors { field message code } traceId }"
PASSING: Final = frozenset({"unavailable", "internal-error", "not-yet-known", "too-many-requests"})
"""Problems that a client meets by trying again with the same key."""


def mutation(name: str, returned: str) -> str:
    """Return the document of a mutation: its input type is named after it."""
    kind = name[0].upper() + name[1:]
    return f"mutation Step($input: {kind}Input!) {{ {name}(input: $input) {{ {returned} token {PROBLEM} }} }}"


RETURNED: Final = {
    "createDraft": "draft { id secret noFit matches { slug name rank score parts { name value textNl textEn } } }",
    "registerCompany": "company { id version status homeHub }",
    "verifyCompany": "company { id version status }",
    "submitChallenge": "challenge { id version status }",
    "requestReferral": "referral { id version status }",
    "askQuestion": "referral { id version status }",
    "answerQuestion": "referral { id version status }",
    "acceptReferral": "referral { id version status }",
    "declineReferral": "referral { id version status }",
    "recordOutcome": "referral { id version status }",
    "planActivity": "activity { id version slug }",
    "registerForActivity": "registration { id version status }",
    "publishCase": "case { id version slug }",
}


def new_kvk_number() -> str:
    """Return eight digits that no earlier step used."""
    return f"{secrets.randbelow(90_000_000) + 10_000_000}"


def ask(stack: RunningStack, name: str, given: dict[str, Any], *, user: str | None, key: str | None = None) -> Reply:
    """Take one step once; the caller looks at what came."""
    return stack.graphql(mutation(name, RETURNED[name]), {"input": given}, user=user, key=key)


@dataclass
class Journey:
    """One company's way through the network; ``token`` is the consistency token of its last step."""

    stack: RunningStack
    user: str = "company"
    kvk_number: str = field(default_factory=new_kvk_number)
    draft: dict[str, Any] = field(default_factory=dict)
    company_id: str = ""
    challenge_id: str = ""
    referral_id: str = ""
    token: str | None = None

    def take(self, name: str, given: dict[str, Any], *, user: str | None, seconds: float = 90.0) -> dict[str, Any]:
        """Take a step, again and again with one key while the platform is hurt, until it is done."""
        key = str(uuid4())
        query = mutation(name, RETURNED[name])

        def attempt() -> dict[str, Any] | None:
            try:
                reply = self.stack.graphql(query, {"input": given}, user=user, key=key, read_after=self.token)
            except httpx.HTTPError:
                return None
            if reply.status != httpx.codes.OK or reply.document.get("errors"):
                return None
            payload: dict[str, Any] = reply.data[name]
            problem = payload["problem"]
            if problem is not None and problem["code"] in PASSING:
                return None
            assert problem is None, f"{name}: {problem}"
            return payload

        payload = wait_until(attempt, what=f"the step {name}", timeout_seconds=seconds)
        assert payload is not None
        self.token = payload["token"] or self.token
        return payload

    def describe_the_need(self) -> None:
        """Type the need without an account."""
        given = {"text": NEED_NL, "language": "NL", "postcode": POSTCODE_DELFT}
        self.draft = self.take("createDraft", given, user=None)["draft"]

    def register(self) -> None:
        """Become a company."""
        given = {
            "kvkNumber": self.kvk_number,
            "name": "Lasbedrijf Voorbeeld B.V.",
            "postcode": POSTCODE_DELFT,
            "houseNumber": "1",
            "sizeClass": "SMALL",
            "sbi": ["2562"],
            "contact": {"name": "A. Voorbeeld", "phone": "015 000 0000"},
        }
        self.company_id = self.take("registerCompany", given, user=self.user)["company"]["id"]

    def submit(self) -> None:
        """Make the typed need the company's."""
        given = {"companyId": self.company_id, "draftId": self.draft["id"], "draftSecret": self.draft["secret"]}
        self.challenge_id = self.take("submitChallenge", given, user=self.user)["challenge"]["id"]

    def request(self, fieldlab: str = FIELDLAB) -> None:
        """Ask for the introduction."""
        given = {"challengeId": self.challenge_id, "fieldlab": fieldlab, "message": "Kunnen we langskomen?"}
        self.referral_id = self.take("requestReferral", given, user=self.user)["referral"]["id"]

    def verify(self) -> None:
        """The hub confirms the company."""
        self.take("verifyCompany", {"companyId": self.company_id}, user="hub")

    def question(self) -> None:
        """The fieldlab asks something back."""
        self.take("askQuestion", {"referralId": self.referral_id, "message": "Welk materiaal?"}, user="fieldlab")

    def answer(self) -> None:
        """The company answers."""
        self.take("answerQuestion", {"referralId": self.referral_id, "message": "Staal, 2 mm."}, user=self.user)

    def accept(self) -> None:
        """The fieldlab accepts."""
        self.take("acceptReferral", {"referralId": self.referral_id, "message": "Kom dinsdag."}, user="fieldlab")

    def outcome(self) -> None:
        """The fieldlab says what came of it, today."""
        on = time.strftime("%Y-%m-%d", time.gmtime())
        self.take("recordOutcome", {"referralId": self.referral_id, "outcome": "TESTED", "on": on}, user="fieldlab")

    def steps(self) -> list[str]:
        """The steps in order, as names of the methods above."""
        return [
            "describe_the_need",
            "register",
            "submit",
            "request",
            "verify",
            "question",
            "answer",
            "accept",
            "outcome",
        ]


NETWORK: Final = """
query Network($asOf: String, $knownAt: DateTime) {
  network(asOf: $asOf, knownAt: $knownAt) {
    asOf knownAt watermark settled position
    indicators {
      key kind measure known total national unassigned overlap regions { hub count } fieldlabs { fieldlab count }
    }
  }
}
"""


def figures(
    stack: RunningStack, *, read_after: str | None = None, **moment: str | None
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Read the network as the national team does: the indicators by key, and the answer they stand in."""
    network = stack.graphql(NETWORK, dict(moment), user="national", read_after=read_after).data["network"]
    return {indicator["key"]: indicator for indicator in network["indicators"]}, network
