"""The accounts of the organisers' load generator, and what it really sends for them."""

from base64 import b64encode
from dataclasses import dataclass
from itertools import permutations


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its password as registered."""

    email: str
    password: str

    @property
    def sent_password(self) -> str:
        """The password the generator sends: JavaScript reads `'\\E'` as `'E'`."""
        return self.password.replace("\\", "")

    @property
    def is_misspelt(self) -> bool:
        """Whether the generator sends a wrong password for this account."""
        return self.sent_password != self.password

    @property
    def sent_authorization(self) -> str:
        """The Authorization header as the generator sends it."""
        return basic(self.email, self.sent_password)

    @property
    def true_authorization(self) -> str:
        """The Authorization header with the password as registered."""
        return basic(self.email, self.password)


def basic(email: str, password: str) -> str:
    """Return the value of an Authorization header in the Basic scheme, in UTF-8."""
    return "Basic " + b64encode(f"{email}:{password}".encode()).decode()


AYSULTAN = Account("aysultan_talgat_1@fest.tix", "/8eC$AD>")
SULTAN = Account("sultan_sultanov_2@show.go", "*IVSf?kh)xa")
AYAULYM = Account("ayaulym_bazarbaeva_3@quick.pass", "LDb60_%]4")

# In this order virtual user n plays account n.
BOOKING_ACCOUNTS = (
    AYSULTAN,
    AYAULYM,
    Account("muslima_serikbaeva_999996@ticket.world", "U|t,P#R~"),
    Account("ayan_asqar_999997@fest.tix", "_lnAio:Br7b"),
    Account("kozayym_asanova_999999@hackhload.kz", "_^@5=[oc!)+$"),
    Account("alinur_aytzhanov_1000000@ticket.world", "bjD[wU=u#@Wk1\\ED"),
    Account("sofiya_karimova_999989@show.go", "t~bv:18I\\V$@"),
    Account("aysha_sarsenova_999990@ticket.world", "zUKhVyYs%>\\Ww"),
    Account("medina_rakhmetova_999991@show.go", ")~c^V+Tx#G9"),
    # The first letter is the Cyrillic і, U+0456.
    Account("\u0456nzhu_ospanova_372921@quick.pass", "lLZ~Z9X+>|C&("),
)

# Six rounds: who buys, and who tries to take it away.
AUTHORIZATION_PAIRS = tuple(permutations((AYSULTAN, SULTAN, AYAULYM), 2))
