"""The accounts that the load generator signs in with; every dataset has them."""

from __future__ import annotations

# (user id, e-mail, password)
GENERATOR_ACCOUNTS = (
    (1, "aysultan_talgat_1@fest.tix", "/8eC$AD>"),
    (2, "sultan_sultanov_2@show.go", "*IVSf?kh)xa"),
    (3, "ayaulym_bazarbaeva_3@quick.pass", "LDb60_%]4"),
    (999996, "muslima_serikbaeva_999996@ticket.world", "U|t,P#R~"),
    (999997, "ayan_asqar_999997@fest.tix", "_lnAio:Br7b"),
    (999999, "kozayym_asanova_999999@hackhload.kz", "_^@5=[oc!)+$"),
    (1000000, "alinur_aytzhanov_1000000@ticket.world", "bjD[wU=u#@Wk1\\ED"),
    (999989, "sofiya_karimova_999989@show.go", "t~bv:18I\\V$@"),
    (999990, "aysha_sarsenova_999990@ticket.world", "zUKhVyYs%>\\Ww"),
    (999991, "medina_rakhmetova_999991@show.go", ")~c^V+Tx#G9"),
    (372921, "іnzhu_ospanova_372921@quick.pass", "lLZ~Z9X+>|C&("),
)

# First name and surname, by user id.
GENERATOR_NAMES = {
    1: ("Айсұлтан", "Талғат"),
    2: ("Султан", "Султанов"),
    3: ("Аяулым", "Базарбаева"),
    999996: ("Муслима", "Серикбаева"),
    999997: ("Аян", "Асқар"),
    999999: ("Қозайым", "Асанова"),
    1000000: ("Алинур", "Айтжанов"),
    999989: ("София", "Каримова"),
    999990: ("Айша", "Сарсенова"),
    999991: ("Медина", "Рахметова"),
    372921: ("Інжу", "Оспанова"),
}
